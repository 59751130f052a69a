"""From what a user names (a file, a folder, a URL) to the videos that are meant, and what each is called."""
