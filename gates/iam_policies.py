"""Write every policy of the template's roles into a folder, as IAM gets it: ``python -m gates.iam_policies DIR``."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from gates.template import Stack, resource, resources_of, roles_with_permissions

_IN_A_VPC = {"VpcSubnetIds": "subnet-0a1b2c3d", "VpcSecurityGroupIds": "sg-0a1b2c3d"}
# The resolver's stand-ins for a resource's attribute, with the ARN that each stands for.
_ARNS = {
    "CredentialsSecret.Id": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:gopro/credentials-AbCdEf",
    "EncryptionKey.Arn": "arn:aws:kms:eu-west-1:123456789012:key/11111111-2222-4333-8444-555555555555",
    "TrackerTable.Arn": "arn:aws:dynamodb:eu-west-1:123456789012:table/gopro-sync-tracker",
    "ArchiveBucket.Arn": "arn:aws:s3:::gopro-archive-bucket-123456789012",
    "DeadLetterQueue.Arn": "arn:aws:sqs:eu-west-1:123456789012:gopro-sync-dead-letters",
    "FailedCallsQueue.Arn": "arn:aws:sqs:eu-west-1:123456789012:gopro-sync-failed-calls",
    "gopro-sync-alerts": "arn:aws:sns:eu-west-1:123456789012:gopro-sync-alerts",
    "gopro-sync-orchestrator": "arn:aws:states:eu-west-1:123456789012:stateMachine:gopro-sync-orchestrator",
    "AuthenticatorLogGroup.Arn": "arn:aws:logs:eu-west-1:123456789012:log-group:/aws/lambda/gopro-authenticator:*",
    "MediaListerLogGroup.Arn": "arn:aws:logs:eu-west-1:123456789012:log-group:/aws/lambda/gopro-media-lister:*",
    "VideoDownloaderLogGroup.Arn": "arn:aws:logs:eu-west-1:123456789012:log-group:/aws/lambda/gopro-video-downloader:*",
    "AuthenticatorFunction.Arn": "arn:aws:lambda:eu-west-1:123456789012:function:gopro-authenticator",
    "MediaListerFunction.Arn": "arn:aws:lambda:eu-west-1:123456789012:function:gopro-media-lister",
    "VideoDownloaderFunction.Arn": "arn:aws:lambda:eu-west-1:123456789012:function:gopro-video-downloader",
}


def main(folder: Path) -> None:
    """Write one file per policy."""
    stack = Stack(**_IN_A_VPC)
    for role in roles_with_permissions():
        for policy in stack.resolve(resource(role)["Policies"]):
            _write(folder / f"{role}-{policy['PolicyName']}.json", policy["PolicyDocument"])
    for name in resources_of("AWS::IAM::ManagedPolicy"):
        _write(folder / f"{name}.json", stack.resolve(resource(name)["PolicyDocument"]))


def _write(file: Path, document: dict[str, object]) -> None:
    text = json.dumps(document, indent=1)
    for attribute, arn in _ARNS.items():
        text = text.replace(f'"{attribute}"', f'"{arn}"').replace(f'"{attribute}/', f'"{arn}/')
    file.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
