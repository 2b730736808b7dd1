//! The ports on DynamoDB, SQS, S3, SSM and EventBridge Scheduler.
