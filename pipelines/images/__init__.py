"""What several flows do with images.

contact_sheet  many images on one sheet
new_folder     a changed copy of a folder of images
"""
