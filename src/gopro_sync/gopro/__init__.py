"""The GoPro Cloud API: the session, the library, and the files behind a media item."""
