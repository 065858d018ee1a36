"""The comparison: models on the same images, and published studies run again.

compare      the job: extract, audit, tune, report
robust       the model of the robust recipe
study        a published study as a record
study_files  studies as TOML files
"""
