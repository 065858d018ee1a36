"""The search for the settings of a model by cross-validation.

plan              a job with every choice made
tune              the job: search, refit, calibrate
cross_validation  the folds of one setting
epochs            lines about a net that is training
race              stopping settings that cannot win
journal           a study on disk, so that it can continue
dashboard         the stored studies in optuna-dashboard
"""
