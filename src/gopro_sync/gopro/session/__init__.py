"""The GoPro session: the secret that holds the credential, and how a session is obtained, renewed and rotated."""
