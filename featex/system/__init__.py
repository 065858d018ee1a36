"""The machine that the code runs on, and how the commands write to a terminal.

cores     number of cores, one pool of threads, free memory
disk      files and folders that appear whole or not at all
progress  progress bars and lines
words     counts and lists in words
shown     paths and commands without home folders and passwords
public    public names of a package, imported on first use
stopping  the first Ctrl-C or SIGTERM lets a job store what it has
silence   a line every few seconds while a command works without one
terminal  the frame of every command, and what a terminal can show
output    what a command hands over: a record, tables and lines, the next commands
table_file  a table as CSV, JSON or Parquet, by the end of the file's name
"""
