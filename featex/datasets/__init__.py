"""Folders and tables: which images exist, and the label, set, source and group of each.

dataset        the images of a folder as one `Dataset`
options        how a folder is read: its layout, its classes and its table
folders        folders and files, and the levels that they form
meanings       what the name of a folder means
set_levels     which level names the sets
class_levels   which level names the classes
tables         a table of images: path, label, set, source, group
table_files    CSV, JSON and Parquet files as tables of text
table_columns  which column holds what
table_paths    which file a path in a table names
unpack         images inside Parquet files -> a folder of image files
"""
