//! The deployment configuration of a project that has none: a function by SAM, a site on S3 and CloudFront, a web server in a
//! container that runs anywhere and, by SAM, on Lambda. Files that are there stay as they are.

use super::Entry;
use super::files::join;
use super::stack::{Stack, Target};

/// Runs a web server in a container as a function: without it the image runs as everywhere else.
const ADAPTER: &str =
    "COPY --from=public.ecr.aws/awsguru/aws-lambda-adapter:0.9.0 /lambda-adapter /opt/extensions/lambda-adapter";

/// What an image and an upload leave out.
const IGNORED: &str =
    ".git\n.aws-sam\n.venv\nnode_modules\ntarget\n__pycache__\n*.pyc\nDEPLOY.md\nSHA256SUMS\nmanifest.json\n";

/// The files to add, each at a path that is free; and the template among them.
pub(super) fn configure(stack: &Stack, is_taken: impl Fn(&str) -> bool) -> (Vec<Entry>, Option<String>) {
    let free = |names: &[&str]| names.iter().map(|name| join(&stack.root, name)).find(|path| !is_taken(path));
    let file = |path: String, text: String| Entry { path, contents: text.into_bytes(), executable: false };
    let Some(template) = free(&["template.yaml", "deploy-template.yaml"]) else { return (Vec::new(), None) };
    let mut files = Vec::new();
    match &stack.target {
        Target::Program => return (files, None),
        Target::Function { runtime, handler, build_method, entry_point } => {
            let text = function(runtime, handler, build_method.as_deref(), entry_point.as_deref());
            files.push(file(template.clone(), text));
        }
        Target::Site { single_page, .. } => files.push(file(template.clone(), site(*single_page))),
        Target::Server { dockerfile } => {
            let Some(path) = free(&["Dockerfile", "Dockerfile.deploy"]) else { return (files, None) };
            let name = path.rsplit('/').next().unwrap_or(&path).to_owned();
            let mut lines = dockerfile.clone();
            let at = lines.len().saturating_sub(1);
            lines.insert(at, ADAPTER.to_owned());
            lines.insert(at + 1, "ENV PORT=8080".to_owned());
            lines.insert(at + 2, "EXPOSE 8080".to_owned());
            files.push(file(path, format!("{}\n", lines.join("\n"))));
            if let Some(path) = free(&[".dockerignore"]) {
                files.push(file(path, IGNORED.to_owned()));
            }
            files.push(file(template.clone(), image(&name)));
        }
    }
    (files, Some(template))
}

const HEAD: &str = "AWSTemplateFormatVersion: \"2010-09-09\"\n";
const SAM: &str = "Transform: AWS::Serverless-2016-10-31\n";

fn function(runtime: &str, handler: &str, build_method: Option<&str>, entry_point: Option<&str>) -> String {
    let mut text =
        format!("{HEAD}{SAM}Description: A function\nResources:\n  Function:\n    Type: AWS::Serverless::Function\n");
    if let Some(method) = build_method {
        text.push_str(&format!("    Metadata:\n      BuildMethod: {method}\n"));
        if let Some(entry) = entry_point {
            text.push_str(&format!(
                "      BuildProperties:\n        Target: es2022\n        EntryPoints: [{}]\n",
                quoted(entry)
            ));
        }
    }
    text.push_str(&format!(
        "    Properties:\n      CodeUri: .\n      Handler: {}\n      Runtime: {runtime}\n      Architectures: [x86_64]\n      MemorySize: 512\n      \
         Timeout: 29\n      FunctionUrlConfig:\n        AuthType: AWS_IAM\nOutputs:\n  FunctionName:\n    Value: !Ref Function\n  Url:\n    \
         Description: Takes signed requests\n    Value: !GetAtt FunctionUrl.FunctionUrl\n",
        quoted(handler)
    ));
    text
}

fn image(dockerfile: &str) -> String {
    format!(
        "{HEAD}{SAM}Description: A web server in a container, behind an HTTP API\nResources:\n  Web:\n    Type: AWS::Serverless::Function\n    \
         Metadata:\n      Dockerfile: {dockerfile}\n      DockerContext: .\n      DockerTag: latest\n    Properties:\n      PackageType: Image\n      \
         Architectures: [x86_64]\n      MemorySize: 1024\n      Timeout: 29\n      Events:\n        Http:\n          Type: HttpApi\nOutputs:\n  Url:\n    \
         Value: !Sub https://${{ServerlessHttpApi}}.execute-api.${{AWS::Region}}.${{AWS::URLSuffix}}/\n"
    )
}

fn site(single_page: bool) -> String {
    let pages = if single_page {
        "        CustomErrorResponses:\n          - { ErrorCode: 403, ResponseCode: 200, ResponsePagePath: /index.html }\n          - { ErrorCode: 404, ResponseCode: 200, ResponsePagePath: /index.html }\n"
    } else {
        ""
    };
    format!("{HEAD}{SITE_START}{pages}{SITE_END}")
}

const SITE_START: &str = r#"Description: A site in a private bucket behind CloudFront
Resources:
  Bucket:
    Type: AWS::S3::Bucket
    DeletionPolicy: Retain
    UpdateReplacePolicy: Retain
    Properties:
      PublicAccessBlockConfiguration:
        BlockPublicAcls: true
        BlockPublicPolicy: true
        IgnorePublicAcls: true
        RestrictPublicBuckets: true
  Access:
    Type: AWS::CloudFront::OriginAccessControl
    Properties:
      OriginAccessControlConfig:
        Name: !Sub ${AWS::StackName}-site
        OriginAccessControlOriginType: s3
        SigningBehavior: always
        SigningProtocol: sigv4
  Distribution:
    Type: AWS::CloudFront::Distribution
    Properties:
      DistributionConfig:
        Enabled: true
        HttpVersion: http2and3
        DefaultRootObject: index.html
"#;

const SITE_END: &str = r#"        Origins:
          - Id: bucket
            DomainName: !GetAtt Bucket.RegionalDomainName
            OriginAccessControlId: !GetAtt Access.Id
            S3OriginConfig: { OriginAccessIdentity: "" }
        DefaultCacheBehavior:
          TargetOriginId: bucket
          ViewerProtocolPolicy: redirect-to-https
          Compress: true
          # AWS's own policy CachingOptimized.
          CachePolicyId: 658327ea-f89d-4fab-a63d-7e88639e58f6
  BucketPolicy:
    Type: AWS::S3::BucketPolicy
    Properties:
      Bucket: !Ref Bucket
      PolicyDocument:
        Version: "2012-10-17"
        Statement:
          - Effect: Allow
            Principal: { Service: cloudfront.amazonaws.com }
            Action: s3:GetObject
            Resource: !Sub ${Bucket.Arn}/*
            Condition:
              StringEquals:
                AWS:SourceArn: !Sub arn:${AWS::Partition}:cloudfront::${AWS::AccountId}:distribution/${Distribution}
Outputs:
  BucketName:
    Value: !Ref Bucket
  DistributionId:
    Value: !Ref Distribution
  Url:
    Value: !Sub https://${Distribution.DomainName}/
"#;

/// A text in YAML, whatever is in it.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
