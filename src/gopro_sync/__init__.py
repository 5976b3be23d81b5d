"""GoPro Cloud to S3: what the three Lambda functions share."""
