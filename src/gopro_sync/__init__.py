"""GoPro Cloud to S3: the code that the three Lambda functions share."""
