//! Credentials in files. The finding names the kind and the place, never the value.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use regex::Regex;

use super::super::language::file_name;
use super::super::walk::Lines;
use super::super::{Finding, Severity};
use super::{finding, id};

/// Token formats that their issuers publish. Each pattern's group 1 is the secret.
const FORMATS: [(&str, &str); 31] = [
    ("AWS access key id", r"\b((?:AKIA|ASIA)[A-Z0-9]{16})\b"),
    ("AWS secret access key", r#"(?i)aws_?secret_?(?:access_?)?key["']?\s*[:=]\s*["']?([A-Za-z0-9/+=]{40})\b"#),
    ("private key", r"(-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----)"),
    ("GitHub token", r"\b(gh[pousr]_[A-Za-z0-9]{36,255})\b"),
    ("GitHub token", r"\b(github_pat_[A-Za-z0-9_]{36,255})\b"),
    ("GitLab token", r"\b(glpat-[A-Za-z0-9_-]{20,})"),
    ("Slack token", r"\b(xox[abeoprs]-[A-Za-z0-9-]{10,})"),
    ("Stripe live key", r"\b((?:sk|rk)_live_[A-Za-z0-9]{16,})\b"),
    ("Google API key", r"\b(AIza[A-Za-z0-9_-]{35})"),
    ("Anthropic API key", r"\b(sk-ant-[A-Za-z0-9_-]{20,})"),
    ("OpenAI API key", r"\b(sk-(?:proj-|svcacct-|admin-)?[A-Za-z0-9_-]*T3BlbkFJ[A-Za-z0-9_-]{10,})"),
    ("npm token", r"\b(npm_[A-Za-z0-9]{36})\b"),
    ("PyPI token", r"\b(pypi-AgEIcHlwaS5vcmc[A-Za-z0-9_-]{30,})"),
    ("SendGrid key", r"\b(SG\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43})\b"),
    ("crates.io token", r"\b(cio[A-Za-z0-9]{32})\b"),
    ("Google OAuth secret", r"\b(GOCSPX-[A-Za-z0-9_-]{28})"),
    ("Azure storage key", r"AccountKey=([A-Za-z0-9+/]{86}==)"),
    ("Slack webhook", r"(https://hooks\.slack\.com/services/T[A-Z0-9]+/B[A-Z0-9]+/[A-Za-z0-9]{20,})"),
    ("Stripe webhook secret", r"\b(whsec_[A-Za-z0-9+/=]{32,})"),
    ("Twilio API key", r"\b(SK[0-9a-f]{32})\b"),
    ("DigitalOcean token", r"\b(do[opr]_v1_[0-9a-f]{64})\b"),
    ("Shopify token", r"\b(shp(?:at|ca|pa|ss)_[0-9a-fA-F]{32})\b"),
    ("Databricks token", r"\b(dapi[0-9a-f]{32})\b"),
    ("Vault token", r"\b(hv[sb]\.[A-Za-z0-9_-]{24,})"),
    ("Linear key", r"\b(lin_api_[A-Za-z0-9]{40})\b"),
    ("Telegram bot token", r"\b([0-9]{8,10}:AA[A-Za-z0-9_-]{33})\b"),
    ("Mailgun key", r"\b(key-[0-9a-f]{32})\b"),
    ("Grafana token", r"\b(glsa_[A-Za-z0-9]{32}_[0-9a-f]{8})\b"),
    ("age secret key", r"(AGE-SECRET-KEY-1[0-9A-Z]{58})"),
    ("Hugging Face token", r"\b(hf_[A-Za-z0-9]{34,})\b"),
    ("JSON web token", r"\b(eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{20,})"),
];

/// A name that means a credential, then `=` or `:`, then a literal.
const ASSIGNMENT: &str = r#"(?i)(?:^|[^A-Za-z0-9])[A-Za-z0-9_-]*?(password|passwd|passphrase|pwd|secret|secret_?key|api_?key|auth_?token|access_?token|client_?secret|private_?token)["']?\s*(?::\s*(?:str|string|&str|&'static str)\s*)?(?::|=|:=|=>)\s*["'`]([^"'`\s]{4,200})["'`]"#;

/// A line of a settings file, where values have no quotes.
const SETTING: &str = r#"(?im)^\s*(?:export\s+)?[A-Z0-9_.-]*?(?:password|passwd|passphrase|secret|secret_?key|api_?key|token|private_?key)\s*=\s*([^"'`\s#]{6,200})\s*$"#;

/// A name that may mean a credential, then a long literal; entropy decides.
const NAMED: &str = r#"(?i)(?:key|token|secret|credential|auth|bearer)[A-Za-z0-9_-]*["']?\s*(?::|=|:=|=>|\()\s*["'`]([A-Za-z0-9+/_=-]{24,200})["'`]"#;

/// Bits a character from which a literal is taken for random. Hexadecimal digests stay below, base64 of random bytes is
/// above.
const RANDOM_BITS: f64 = 4.0;

/// Shannon's entropy of a text, in bits a character.
fn entropy(text: &str) -> f64 {
    let mut counts = [0_u32; 256];
    for byte in text.bytes() {
        if let Some(count) = counts.get_mut(usize::from(byte)) {
            *count += 1;
        }
    }
    let length = text.len().max(1) as f64;
    let of = |count: &u32| {
        let share = f64::from(*count) / length;
        if *count == 0 { 0.0 } else { -share * share.log2() }
    };
    counts.iter().map(of).sum()
}

/// Whether a literal looks random: many different letters and digits, and no words.
fn is_random(value: &str) -> bool {
    let has = |is: fn(&char) -> bool| value.chars().any(|c| is(&c));
    has(char::is_ascii_digit)
        && has(char::is_ascii_lowercase)
        && has(char::is_ascii_uppercase)
        && entropy(value) > RANDOM_BITS
}

/// A password inside a URL.
const URL: &str = r#"\b[a-z][a-z0-9+.-]{1,20}://[^\s:/@"'`<>{}$]{1,64}:([^\s:/@"'`<>{}$]{3,128})@[A-Za-z0-9]"#;

#[expect(clippy::expect_used, reason = "the patterns are constants and a test compiles them all")]
static PATTERNS: LazyLock<Vec<(&'static str, Regex)>> = LazyLock::new(|| {
    let all = FORMATS.iter().copied().chain([
        ("credential", ASSIGNMENT),
        ("password in a URL", URL),
        ("setting", SETTING),
        ("random value", NAMED),
    ]);
    all.map(|(name, pattern)| (name, Regex::new(pattern).expect("a valid pattern"))).collect()
});

/// Words that mark a value as an example or as the name of a secret kept elsewhere.
const PLACEHOLDERS: [&str; 19] = [
    "example",
    "changeme",
    "change-me",
    "change_me",
    "placeholder",
    "your",
    "xxx",
    "dummy",
    "fake",
    "redacted",
    "insert",
    "todo",
    "sample",
    "replace",
    "***",
    "...",
    "process.env",
    "os.environ",
    "not-a-secret",
];

fn is_placeholder(value: &str) -> bool {
    let lower = value.to_ascii_lowercase();
    let first = value.chars().next();
    let names_a_secret = ["password", "passwd", "secret", "token", "key"].iter().any(|word| lower.contains(word));
    if names_a_secret && is_plain_words(value) {
        return true;
    }
    PLACEHOLDERS.iter().any(|word| lower.contains(word))
        || matches!(first, Some('$' | '{' | '<' | '%' | '/' | '#' | '.' | '['))
        || ["arn:", "ssm:", "env:", "file:", "http:", "https:", "vault:"].iter().any(|p| lower.starts_with(p))
        || value.contains("${")
        || value.contains("{{")
        || value.contains("#{")
        || value.chars().all(|c| Some(c) == first)
}

/// Names, labels and header names look like words; a password mostly does not.
fn is_plain_words(value: &str) -> bool {
    value.chars().all(|c| c.is_alphabetic() || matches!(c, '-' | '_' | ':' | '.' | '/' | '?' | '!'))
}

/// Whether credentials in this file are probably made up: tests, examples, documents.
fn is_sample(path: &str) -> bool {
    let lower = path.to_ascii_lowercase();
    let name = file_name(&lower);
    let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
    lower.split('/').any(|part| {
        matches!(part, "test" | "tests" | "__tests__" | "fixtures" | "examples" | "docs" | "locales" | "i18n")
    }) || name.starts_with("test_")
        || name.contains("_test.")
        || name.contains(".test.")
        || name.contains(".spec.")
        || name.contains("example")
        || matches!(extension, "md" | "rst")
}

pub(super) fn check(path: &str, text: &str, findings: &mut Vec<Finding>) {
    let lines = Lines::new(text);
    // Rust keeps unit tests at the end of the file they test.
    let tests = if path.ends_with(".rs") { text.rfind("#[cfg(test)]") } else { None };
    let mut reported = BTreeSet::new();
    let name = file_name(path).to_ascii_lowercase();
    let is_settings =
        name.starts_with(".env") || [".env", ".properties", ".ini", ".cfg"].iter().any(|it| name.ends_with(it));
    for (kind, pattern) in PATTERNS.iter() {
        if *kind == "setting" && !is_settings {
            continue;
        }
        for captures in pattern.captures_iter(text) {
            let Some(value) = captures.iter().skip(1).flatten().last() else {
                continue;
            };
            let place = lines.position(value.start());
            if reported.contains(&place.0) {
                continue;
            }
            let Some(severity) =
                judge(kind, value.as_str(), is_sample(path) || tests.is_some_and(|start| value.start() > start))
            else {
                continue;
            };
            reported.insert(place.0);
            let message = format!(
                "{kind} in the file ({} characters, not shown): revoke it, and read it from the environment or a secret store",
                value.as_str().chars().count()
            );
            findings.push(finding(id::SECRET, severity, path, place, message));
        }
    }
}

/// How bad a match is; None when it is a placeholder.
fn judge(kind: &str, value: &str, is_sample: bool) -> Option<Severity> {
    match kind {
        "private key" => Some(Severity::Blocker),
        "setting" if is_placeholder(value) || is_plain_words(value) => None,
        "setting" if is_sample => Some(Severity::Info),
        "setting" => Some(Severity::Blocker),
        "random value" if is_placeholder(value) || !is_random(value) => None,
        "random value" if is_sample => Some(Severity::Info),
        "random value" => Some(Severity::Major),
        "credential" | "password in a URL" if is_placeholder(value) => None,
        "credential" | "password in a URL" if is_sample => Some(Severity::Info),
        "credential" if is_plain_words(value) => Some(Severity::Major),
        "credential" => Some(Severity::Blocker),
        "password in a URL" if is_plain_words(value) => Some(Severity::Minor),
        "password in a URL" => Some(Severity::Blocker),
        "JSON web token" if is_sample => Some(Severity::Minor),
        _ if value.contains("EXAMPLE") || value.to_ascii_lowercase().contains("xxxx") => None,
        _ => Some(Severity::Blocker),
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::found;
    use super::*;

    fn severity(path: &str, text: &str) -> Option<String> {
        let found = found(id::SECRET, path, text);
        assert!(found.len() <= 1, "{found:?}");
        found.first().and_then(|f| f.split(' ').next().map(str::to_owned))
    }

    /// Parts of tokens, put together here so that no scanner takes this file for a leak.
    fn token(prefix: &str, length: usize) -> String {
        let letters = "aB3dE5gH7jK9mN1pQ".chars().cycle();
        format!("{prefix}{}", letters.take(length).collect::<String>())
    }

    #[test]
    fn published_formats() {
        for secret in [
            format!("{}{}", "AKIA", "QYLPMN5HHHFPZAM2"),
            format!("aws_secret_access_key = {}", token("", 40)),
            format!("-----BEGIN RSA {} KEY-----", "PRIVATE"),
            format!("-----BEGIN {} KEY-----", "PRIVATE"),
            token("ghp_", 36),
            token("github_pat_", 60),
            token("glpat-", 20),
            token("xoxb-", 24),
            token("sk_live_", 24),
            token("AIza", 35),
            token("sk-ant-api03-", 40),
            format!("{}{}", token("sk-proj-", 20), token("T3BlbkFJ", 20)),
            token("npm_", 36),
            token("pypi-AgEIcHlwaS5vcmc", 40),
            format!("{}.{}", token("SG.", 22), token("", 43)),
            token("hf_", 34),
            format!("{}.{}.{}", token("eyJ", 20), token("eyJ", 30), token("", 30)),
        ] {
            let text = format!("x = f(\n  \"{secret}\"\n)\n");
            assert_eq!(severity("a.txt", &text).as_deref(), Some("blocker"), "{secret}");
            let all = found(id::SECRET, "a.txt", &text).join("");
            assert!(!all.contains(&secret), "{all}");
        }
    }

    #[test]
    fn assignments() {
        for text in [
            "password = \"hunter2\"",
            "DB_PASSWORD: 's3cr3t!x'",
            "{\"api_key\": \"a1b2c3d4e5\"}",
            "const apiKey = `9f8e7d6c`;",
            "let secret: &str = \"p4ssw0rd\";",
            "const client_secret: string = 'q1w2e3r4'",
            "url = 'postgres://app:Tr0ub4dor@db.internal/x'",
        ] {
            assert_eq!(severity("src/a.txt", text).as_deref(), Some("blocker"), "{text}");
        }
        assert_eq!(severity("a.txt", "password = 'letmein'").as_deref(), Some("major"));
        let rust = "fn f() {}\n#[cfg(test)]\nmod tests { const PASSWORD: &str = \"hunter2\"; }\n";
        assert_eq!(severity("src/a.rs", rust).as_deref(), Some("info"));
        assert_eq!(severity("tests/test_a.py", "password = 'hunter2'\n").as_deref(), Some("info"));
    }

    #[test]
    fn settings_and_random_values() {
        let random = token("", 32);
        assert_eq!(severity(".env", "DB_PASSWORD=hunter2!\n").as_deref(), Some("blocker"));
        assert_eq!(severity(".env.example", "DB_PASSWORD=hunter2!\n").as_deref(), Some("info"));
        assert_eq!(severity("a.txt", "DB_PASSWORD=hunter2!\n"), None);
        assert_eq!(severity(".env", "API_KEY=${KEY}\nTOKEN=changeme1\nDEBUG=true1\n"), None);
        assert_eq!(severity("a.js", &format!("const signingKey = '{random}';\n")).as_deref(), Some("major"));
        assert_eq!(severity("a.js", "const cacheKey = 'the-name-of-the-thing-that-is-kept';\n"), None);
        assert_eq!(severity("a.js", "const key = 'da39a3ee5e6b4b0d3255bfef95601890afd80709';\n"), None);
        assert!(entropy("aaaa") == 0.0 && (entropy("abcd") - 2.0).abs() < 1e-9);
        let webhook = format!("https://hooks.slack.com/services/{}/{}/{}", "T0AB1CD2E", "B0AB1CD2E", token("", 24));
        assert_eq!(severity("a.txt", &webhook).as_deref(), Some("blocker"));
    }

    #[test]
    fn what_is_no_secret() {
        for text in [
            "password = os.environ['DB_PASSWORD']",
            "password = \"${DB_PASSWORD}\"",
            "password = \"changeme\"",
            "api_key = \"your-api-key-1\"",
            "password_label = \"Password1:\"",
            "<input type=\"password\" name=\"pw1\">",
            "secret = \"arn:aws:secretsmanager:eu-west-1:1:secret:a1\"",
            "password: \"{{resolve:ssm-secure:a1}}\"",
            "passwordHash = compute('x1')",
            "password = ''",
            "PASSWORD_KEY = 'db-password'",
            "token_secret: 'secret'",
            "https://user@example.com/a:b@c",
            "postgres://user:${PASSWORD}@db/x",
            "AKIAIOSFODNN7EXAMPLE",
            "-----BEGIN PUBLIC KEY-----",
            "a-----BEGIN CERTIFICATE-----",
        ] {
            assert_eq!(severity("a.txt", text), None, "{text}");
        }
    }

    #[test]
    fn all_patterns_compile() {
        assert_eq!(PATTERNS.len(), FORMATS.len() + 4);
    }
}
