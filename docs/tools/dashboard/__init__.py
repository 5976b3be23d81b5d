"""The deployed dashboard as a picture: ``python -m docs.tools.dashboard``.

Local AWS engines keep dashboards and draw none. Here a cloud is brought up and lives through a few nights, and its
CloudWatch data are drawn as the dashboard's own definition specifies.
"""
