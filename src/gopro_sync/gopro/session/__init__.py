"""The GoPro session: the secret that holds the credential, and how a session is had, renewed and rotated."""
