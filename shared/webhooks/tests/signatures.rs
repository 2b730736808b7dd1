//! Every scheme against published vectors, and against everything that can be wrong with a request.

#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "these are tests")]

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use millrace_webhooks::{Headers, Request, Secrets, SignatureError, Source, Verified, verify};
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use sha2::Sha256;

const NOW: i64 = 1_780_000_000;
const BODY: &str = r#"{"type":"paid","amount":12,"webhookTimestamp":1780000000000,"name":"Zoë"}"#;
/// 24 bytes in Base64, so that it is a key of every scheme.
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const OTHER: &str = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX";

fn mac(key: &[u8], message: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("any key will do");
    mac.update(message);
    mac.finalize().into_bytes().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn standard_key(secret: &str) -> Vec<u8> {
    BASE64_STANDARD.decode(secret.trim_start_matches("whsec_")).expect("a key")
}

/// One way to sign, as the sender does it.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Way {
    GitHub,
    GitLabToken,
    GitLabSigned,
    Bitbucket,
    Stripe,
    Slack,
    Shopify,
    Linear,
    SalesforceData,
    SalesforceMessage,
    Standard,
    Asymmetric,
    Generic,
    GenericStamped,
    /// `X-Webhook-Signature` on a source that has another way of its own.
    Everywhere(&'static str),
}

const WAYS: [Way; 16] = [
    Way::GitHub,
    Way::GitLabToken,
    Way::GitLabSigned,
    Way::Bitbucket,
    Way::Stripe,
    Way::Slack,
    Way::Shopify,
    Way::Linear,
    Way::SalesforceData,
    Way::SalesforceMessage,
    Way::Standard,
    Way::Asymmetric,
    Way::Generic,
    Way::GenericStamped,
    Way::Everywhere("github"),
    Way::Everywhere("stripe"),
];

const MESSAGE: &str = "<Envelope><Body><notifications><OrganizationId>00D000000000001EAA</OrganizationId>\
    <Notification><Id>04l1</Id></Notification></notifications></Body></Envelope>";

/// The pair whose private key is the secret's digest.
fn pair(secret: &str) -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&mac(b"seed", secret.as_bytes())).expect("32 bytes")
}

impl Way {
    fn source(self) -> &'static str {
        match self {
            Self::GitHub => "github",
            Self::GitLabToken | Self::GitLabSigned => "gitlab",
            Self::Bitbucket => "bitbucket",
            Self::Stripe => "stripe",
            Self::Slack => "slack",
            Self::Shopify => "shopify",
            Self::Linear => "linear",
            Self::SalesforceData | Self::SalesforceMessage => "salesforce",
            Self::Standard | Self::Asymmetric => "standard",
            Self::Generic | Self::GenericStamped => "generic",
            Self::Everywhere(name) => name,
        }
    }

    fn body(self) -> &'static str {
        if self == Self::SalesforceMessage { MESSAGE } else { BODY }
    }

    /// Does the signature say when it was made?
    fn has_time(self) -> bool {
        use Way::*;
        matches!(self, GitLabSigned | Stripe | Slack | Linear | Standard | Asymmetric | GenericStamped)
    }

    /// Does it cover the body?
    fn covers_the_body(self) -> bool {
        !matches!(self, Self::GitLabToken | Self::SalesforceMessage)
    }

    /// The name of the header that holds the signature.
    fn header(self) -> &'static str {
        match self {
            Self::GitHub => "X-Hub-Signature-256",
            Self::GitLabToken => "X-Gitlab-Token",
            Self::Bitbucket => "X-Hub-Signature",
            Self::Stripe => "Stripe-Signature",
            Self::Slack => "X-Slack-Signature",
            Self::Shopify => "X-Shopify-Hmac-Sha256",
            Self::Linear => "Linear-Signature",
            Self::SalesforceData => "X-Signature",
            Self::SalesforceMessage => "",
            Self::GitLabSigned | Self::Standard | Self::Asymmetric => "webhook-signature",
            Self::Generic | Self::GenericStamped | Self::Everywhere(_) => "X-Webhook-Signature",
        }
    }

    /// What is stored so that a request signed with this secret is taken.
    fn stored(self, secret: &str) -> String {
        match self {
            Self::Asymmetric => format!("whpk_{}", BASE64_STANDARD.encode(pair(secret).public_key())),
            _ => secret.to_owned(),
        }
    }

    fn signed(self, secret: &str, body: &str, at: i64) -> Signed {
        let key = secret.as_bytes();
        let stamped = |form: String| form + body;
        let mut headers = vec![("content-type", "application/json".to_owned())];
        let mut query = String::new();
        let signature = match self {
            Self::GitHub | Self::Bitbucket | Self::Generic | Self::Everywhere(_) => {
                format!("sha256={}", hex(&mac(key, body.as_bytes())))
            }
            Self::GenericStamped => {
                headers.push(("X-Webhook-Timestamp", at.to_string()));
                format!("sha256={}", hex(&mac(key, stamped(format!("{at}.")).as_bytes())))
            }
            Self::GitLabToken => secret.to_owned(),
            Self::Stripe => format!("t={at},v1={}", hex(&mac(key, stamped(format!("{at}.")).as_bytes()))),
            Self::Slack => {
                headers.push(("X-Slack-Request-Timestamp", at.to_string()));
                format!("v0={}", hex(&mac(key, stamped(format!("v0:{at}:")).as_bytes())))
            }
            Self::Shopify | Self::SalesforceData => BASE64_STANDARD.encode(mac(key, body.as_bytes())),
            Self::Linear => hex(&mac(key, body.as_bytes())),
            Self::SalesforceMessage => {
                query = format!("token={secret}");
                String::new()
            }
            Self::GitLabSigned | Self::Standard | Self::Asymmetric => {
                headers.push(("webhook-id", "msg_1".to_owned()));
                headers.push(("webhook-timestamp", at.to_string()));
                let message = stamped(format!("msg_1.{at}."));
                match self {
                    Self::Asymmetric => {
                        format!("v1a,{}", BASE64_STANDARD.encode(pair(secret).sign(message.as_bytes())))
                    }
                    _ => format!("v1,{}", BASE64_STANDARD.encode(mac(&standard_key(secret), message.as_bytes()))),
                }
            }
        };
        if self.header().is_empty() {
            headers[0].1 = "text/xml".to_owned();
        } else {
            headers.push((self.header(), signature));
        }
        Signed { way: self, headers, query, body: body.as_bytes().to_vec() }
    }

    fn good(self) -> Signed {
        self.signed(SECRET, self.body(), NOW)
    }
}

struct Signed {
    way: Way,
    headers: Vec<(&'static str, String)>,
    query: String,
    body: Vec<u8>,
}

impl Signed {
    fn header(&mut self, name: &str, change: impl FnOnce(&str) -> String) {
        let found = self.headers.iter_mut().find(|(known, _)| *known == name);
        let (_, value) = found.expect("the header is there");
        *value = change(value);
    }

    fn signature(&mut self, change: impl FnOnce(&str) -> String) {
        if self.way.header().is_empty() {
            self.query = format!("token={}", change(self.query.trim_start_matches("token=")));
        } else {
            self.header(self.way.header(), change);
        }
    }

    fn check(&self, secrets: &str, now: i64) -> Result<Verified, SignatureError> {
        let secrets = Secrets::parse(secrets).with_organizations("00D000000000009\n00D000000000001");
        self.check_with(Some(&secrets), now)
    }

    fn check_with(&self, secrets: Option<&Secrets>, now: i64) -> Result<Verified, SignatureError> {
        let headers = self.headers.iter().map(|(name, value)| (*name, value.clone()));
        let request =
            Request { headers: Headers::from_iter(headers), query: self.query.clone(), body: self.body.clone() };
        let source = Source::named(self.way.source()).expect("a source");
        assert!(Source::of(Some(self.way.source()), &request).is_ok());
        verify(&source, &request, secrets, now)
    }

    fn passes(&self) -> bool {
        self.check(&self.way.stored(SECRET), NOW).is_ok()
    }
}

#[test]
fn what_is_signed_is_taken() {
    for way in WAYS {
        let verified = way.good().check(&way.stored(SECRET), NOW);
        let verified = verified.unwrap_or_else(|error| panic!("{way:?}: {error}"));
        assert_eq!((verified.secret, verified.signed_at.is_some()), (0, way.has_time()), "{way:?}");
    }
}

#[test]
fn a_wrong_secret_proves_nothing() {
    for way in WAYS {
        let refused = way.good().check(&way.stored(OTHER), NOW);
        assert!(matches!(refused, Err(SignatureError::Mismatch { .. })), "{way:?}: {refused:?}");
    }
}

#[test]
fn what_is_not_signed_is_refused() {
    for way in WAYS {
        let mut request = way.good();
        request.headers.retain(|(name, _)| *name != way.header());
        request.query.clear();
        let refused = request.check(&way.stored(SECRET), NOW);
        assert!(matches!(refused, Err(SignatureError::Missing { .. })), "{way:?}: {refused:?}");
    }
}

#[test]
fn a_time_that_is_missing_is_not_made_up_for() {
    for (way, header) in [
        (Way::Slack, "X-Slack-Request-Timestamp"),
        (Way::Standard, "webhook-timestamp"),
        (Way::Standard, "webhook-id"),
        (Way::GitLabSigned, "webhook-timestamp"),
        (Way::GenericStamped, "X-Webhook-Timestamp"),
    ] {
        let mut request = way.good();
        request.headers.retain(|(name, _)| *name != header);
        assert!(!request.passes(), "{way:?}");
        // Nor by what every source may send.
        request
            .headers
            .push(("X-Webhook-Signature", format!("sha256={}", hex(&mac(SECRET.as_bytes(), &request.body)))));
        assert!(way == Way::GenericStamped || !request.passes(), "{way:?}");
    }
}

#[test]
fn another_body_is_refused() {
    for way in WAYS.into_iter().filter(|way| way.covers_the_body()) {
        for change in [
            BODY.replace("12", "13"),
            // The same values in another order, and the same JSON with other white space.
            r#"{"amount":12,"type":"paid","webhookTimestamp":1780000000000,"name":"Zoë"}"#.to_owned(),
            BODY.replace(':', ": "),
            BODY.replace('ë', "\\u00eb"),
            format!("{BODY}\n"),
            BODY[..BODY.len() - 1].to_owned(),
            String::new(),
            // A gateway that encoded it once more.
            BASE64_STANDARD.encode(BODY),
        ] {
            let mut request = way.good();
            request.body = change.into_bytes();
            assert!(!request.passes(), "{way:?}");
        }
    }
}

#[test]
fn a_signature_that_was_cut_encoded_again_or_mangled_is_refused() {
    for way in WAYS {
        let changes: [&dyn Fn(&str) -> String; 9] = [
            &|text| text[..text.len() - 2].to_owned(),
            &|text| text[..text.len() / 2].to_owned(),
            &|text| format!("{text}00"),
            &|text| BASE64_STANDARD.encode(text),
            &|text| hex(text.as_bytes()),
            &|text| text.replace('=', "%3D"),
            &|_| String::new(),
            &|text| text.chars().rev().collect(),
            &|text| text.split_once(['=', ',']).map_or_else(|| format!("sha256={text}"), |(_, rest)| rest.to_owned()),
        ];
        for (number, change) in changes.into_iter().enumerate() {
            let mut request = way.good();
            let before = request.headers.clone();
            request.signature(change);
            // A token without "=" is the same when that is encoded, and so is a signature without it.
            if request.headers != before {
                assert!(!request.passes(), "{way:?}, change {number}");
            }
        }
    }
}

#[test]
fn what_is_too_old_or_too_new_is_refused() {
    for way in WAYS.into_iter().filter(|way| way.has_time()) {
        let limit = if way == Way::Linear { 60 } else { 300 };
        let stored = way.stored(SECRET);
        for near in [-limit, limit] {
            assert!(way.good().check(&stored, NOW + near).is_ok(), "{way:?}");
        }
        for far in [-limit - 1, limit + 1, 86_400] {
            let refused = way.good().check(&stored, NOW + far);
            assert!(matches!(refused, Err(SignatureError::NotInTime { .. })), "{way:?}: {refused:?}");
        }
    }
    for way in WAYS.into_iter().filter(|way| !way.has_time()) {
        assert!(way.good().check(&way.stored(SECRET), NOW + 86_400).is_ok(), "{way:?} has no time");
    }
}

#[test]
fn a_time_can_not_be_renewed() {
    for (way, header) in [
        (Way::Slack, "X-Slack-Request-Timestamp"),
        (Way::Standard, "webhook-timestamp"),
        (Way::Asymmetric, "webhook-timestamp"),
        (Way::GitLabSigned, "webhook-timestamp"),
        (Way::GenericStamped, "X-Webhook-Timestamp"),
        (Way::Stripe, "Stripe-Signature"),
    ] {
        let mut request = way.signed(SECRET, BODY, NOW - 1_000);
        request.header(header, |text| text.replace(&(NOW - 1_000).to_string(), &NOW.to_string()));
        assert!(!request.passes(), "{way:?}");
        for text in ["", "now", "1780000000.0", "+1780000000", "-1", "0x6a1", "99999999999999999999"] {
            let mut request = way.good();
            request.header(header, |known| known.replace(&NOW.to_string(), text));
            assert!(!request.passes(), "{way:?}: {text}");
        }
    }
    let mut linear = Way::Linear.signed(SECRET, r#"{"type":"Issue"}"#, NOW);
    assert!(!linear.passes(), "no time in the body");
    linear = Way::Linear.signed(SECRET, r#"{"webhookTimestamp":"1780000000000"}"#, NOW);
    assert!(!linear.passes());
}

/// The code of one scheme is no proof for another: what was signed with a time can't come again without it.
#[test]
fn a_time_can_not_be_left_out() {
    let generic = |source, code: &[u8], body: Vec<u8>| Signed {
        way: Way::Everywhere(source),
        headers: vec![("X-Webhook-Signature", format!("sha256={}", hex(code)))],
        query: String::new(),
        body,
    };
    for source in ["stripe", "slack", "linear", "github", "generic", "payments"] {
        for head in [format!("{}.", NOW - 1_000), format!("v0:{}:", NOW - 1_000), format!("{NOW}.")] {
            let body = (head + BODY).into_bytes();
            let request = generic(source, &mac(SECRET.as_bytes(), &body), body);
            let refused = request.check(SECRET, NOW);
            let wanted = "there, because the body starts like a time that was signed with what follows it";
            assert_eq!(refused, Err(SignatureError::Malformed { what: "X-Webhook-Timestamp", wanted }), "{source}");
        }
        let number = b"3.14".to_vec();
        assert!(generic(source, &mac(SECRET.as_bytes(), &number), number).passes(), "{source}: a number is no time");
    }
    let linear = |body: &str| generic("linear", &mac(SECRET.as_bytes(), body.as_bytes()), body.into());
    assert!(linear(BODY).passes());
    assert!(linear(r#"{"type":"Issue"}"#).passes(), "not Linear's");
    let late = linear(BODY).check(SECRET, NOW + 61);
    assert!(matches!(late, Err(SignatureError::NotInTime { seconds: 61, limit: 60, .. })), "{late:?}");
}

/// What may be known to everybody is no secret, whichever header would take it for one.
#[test]
fn a_public_key_is_no_secret() {
    let public = Way::Asymmetric.stored(SECRET);
    for (way, stored) in
        WAYS.into_iter().filter(|way| *way != Way::Asymmetric).flat_map(|way| [(way, public.as_str()), (way, "whsec_")])
    {
        let own = matches!(way, Way::Standard | Way::GitLabSigned);
        // A key of Standard Webhooks is made of it, which none can be.
        let request = if own { way.good() } else { way.signed(stored, way.body(), NOW) };
        let refused = request.check(stored, NOW);
        assert!(
            matches!(refused, Err(SignatureError::UnusableSecret { .. } | SignatureError::Mismatch { .. })),
            "{way:?} {stored}: {refused:?}"
        );
        if !own {
            let both = format!("{stored}\n{SECRET}");
            assert!(request.check(&both, NOW).is_err(), "{way:?} {stored}: another secret does not make it one");
        }
    }
}

#[test]
fn secrets_rotate() {
    for way in WAYS {
        let (new, old) = (way.stored(OTHER), way.stored(SECRET));
        let verified = way.good().check(&format!("{new}\n{old}\n"), NOW).expect("the old one counts");
        assert_eq!(verified.secret, 1, "{way:?}");
        let renewed = way.signed(OTHER, way.body(), NOW).check(&format!("\n  {new}  \r\n{old}"), NOW);
        assert_eq!(renewed.expect("the new one counts").secret, 0, "{way:?}");
        assert!(way.good().check(&new, NOW).is_err(), "{way:?}: the old one is gone");
    }
}

#[test]
fn an_empty_secret_is_refused() {
    for way in WAYS {
        for empty in ["", "\n", " \t\r\n "] {
            let refused = way.signed(SECRET, way.body(), NOW).check(empty, NOW);
            assert!(matches!(refused, Err(SignatureError::EmptySecret { .. })), "{way:?}");
        }
        let refused = way.good().check_with(None, NOW);
        assert!(matches!(refused, Err(SignatureError::NoSecret { .. })), "{way:?}");
    }
    // What anybody can sign with the empty key.
    let empty = format!("sha256={}", hex(&mac(b"", BODY.as_bytes())));
    let mut request = Way::GitHub.good();
    request.signature(|_| empty);
    for stored in ["", "\n\n"] {
        assert!(request.check(stored, NOW).is_err());
    }
    for unusable in ["whsec_", "whpk_", "whpk_AAAA", "not base64!"] {
        let refused = Way::Standard.good().check(unusable, NOW);
        assert!(matches!(refused, Err(SignatureError::UnusableSecret { .. })), "{unusable}: {refused:?}");
    }
}

#[test]
fn of_several_signatures_one_must_be_right() {
    let bad = "0".repeat(64);
    for (change, is_right) in [
        ("{t},v1={bad},{v1}", true),
        ("{v1},{t}", true),
        ("{t},v0={bad},{v1},x=y", true),
        ("{t}, {v1}", true),
        ("{t},v1={bad}", false),
        ("{t},{t},{v1}", false),
        ("t=1,{t},{v1}", false),
        ("{v1}", false),
        ("{t}", false),
        ("{t},v0={code}", false),
    ] {
        let mut request = Way::Stripe.good();
        request.signature(|text| {
            let (time, code) = text.split_once(",v1=").expect("a signature");
            let v1 = format!("v1={code}");
            change.replace("{t}", time).replace("{v1}", &v1).replace("{bad}", &bad).replace("{code}", code)
        });
        assert_eq!(request.passes(), is_right, "{change}");
    }
    for (change, is_right) in [
        ("v1,AAAA {good}", true),
        ("{good} v1,AAAA", true),
        ("v2,xyz v1a,AAAA {good}", true),
        ("{good},{good}", false),
        ("v1,AAAA", false),
        ("v1a,{code}", false),
        ("v0,{code}", false),
        ("V1,{code}", false),
        ("{code}", false),
    ] {
        let mut request = Way::Standard.good();
        request.signature(|text| change.replace("{good}", text).replace("{code}", text.trim_start_matches("v1,")));
        assert_eq!(request.passes(), is_right, "{change}");
    }
    // Where a source sends one signature, two are none.
    for way in [Way::GitHub, Way::Bitbucket, Way::Slack, Way::Shopify, Way::Linear, Way::Generic, Way::Standard] {
        let mut request = way.good();
        let again = request.headers.iter().find(|(name, _)| *name == way.header()).expect("it is there").clone();
        request.headers.push(again);
        assert!(!request.passes(), "{way:?}: the header came twice");
        let mut request = way.good();
        request.signature(|text| format!("{text},{text}"));
        assert!(!request.passes(), "{way:?}: joined with a comma");
    }
}

#[test]
fn a_wrong_signature_of_ones_own_is_not_saved_by_another() {
    for way in WAYS.into_iter().filter(|way| way.covers_the_body() && way.header() != "X-Webhook-Signature") {
        let mut request = way.signed(OTHER, way.body(), NOW);
        request
            .headers
            .push(("X-Webhook-Signature", format!("sha256={}", hex(&mac(SECRET.as_bytes(), &request.body)))));
        assert!(!request.passes(), "{way:?}");
    }
    let mut request = Way::GitLabSigned.signed(OTHER, BODY, NOW);
    request.headers.push(("X-Gitlab-Token", SECRET.to_owned()));
    assert!(!request.passes(), "a token does not stand in for a signature");
}

#[test]
fn an_algorithm_is_not_the_senders_choice() {
    for kind in ["sha1", "md5", "none", "SHA256", "sha-256", ""] {
        for way in [Way::GitHub, Way::Bitbucket, Way::Generic] {
            let mut request = way.good();
            request.signature(|text| text.replace("sha256", kind));
            assert!(!request.passes(), "{way:?}: {kind}");
        }
    }
}

#[test]
fn a_message_must_be_of_a_known_organization() {
    let foreign = MESSAGE.replace("00D000000000001EAA", "00D000000000002EAA");
    let refused = Way::SalesforceMessage.signed(SECRET, &foreign, NOW).check(SECRET, NOW);
    let name = "webhooks/salesforce/organizations".to_owned();
    assert_eq!(refused, Err(SignatureError::ForeignOrganization { name: name.clone() }));
    let nobody = Secrets::parse(SECRET);
    let refused = Way::SalesforceMessage.good().check_with(Some(&nobody), NOW);
    assert_eq!(refused, Err(SignatureError::ForeignOrganization { name }));
    let lower = MESSAGE.replace("00D000000000001EAA", "00d000000000001EAA");
    assert!(!Way::SalesforceMessage.signed(SECRET, &lower, NOW).passes(), "the case of letters counts");
    for none in [BODY, "", "<a/>"] {
        assert!(!Way::SalesforceMessage.signed(SECRET, none, NOW).passes());
    }
    let short = MESSAGE.replace("00D000000000001EAA", "00D000000000001");
    assert!(Way::SalesforceMessage.signed(SECRET, &short, NOW).passes());
}

#[test]
fn no_error_tells_a_secret() {
    for way in WAYS {
        let error = way.good().check(&way.stored(OTHER), NOW).expect_err("refused");
        let text = format!("{error} {error:?} {:?}", Secrets::parse(SECRET));
        assert!(!text.contains(SECRET) && !text.contains(OTHER), "{text}");
    }
}

fn published(
    source: &str,
    headers: &[(&str, &str)],
    body: &str,
    secret: &str,
    now: i64,
) -> Result<Verified, SignatureError> {
    let request = Request { headers: headers.iter().copied().collect(), query: String::new(), body: body.into() };
    verify(&Source::named(source).expect("a source"), &request, Some(&Secrets::parse(secret)), now)
}

/// "Validating webhook deliveries: Testing the webhook payload validation" in GitHub's documentation.
#[test]
fn github_as_published() {
    let signature = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
    let headers = [("X-Hub-Signature-256", signature)];
    assert!(published("github", &headers, "Hello, World!", "It's a Secret to Everybody", NOW).is_ok());
    assert!(published("github", &headers, "Hello, World?", "It's a Secret to Everybody", NOW).is_err());
}

/// "Manage webhooks: Secure webhooks" in Bitbucket Cloud's documentation.
#[test]
fn bitbucket_as_published() {
    let signature = "sha256=a4771c39fbe90f317c7824e83ddef3caae9cb3d976c214ace1f2937e133263c9";
    let headers = [("X-Hub-Signature", signature)];
    assert!(published("bitbucket", &headers, "Hello World!", "It's a Secret to Everybody", NOW).is_ok());
}

/// "Verifying requests from Slack" in Slack's documentation.
#[test]
fn slack_as_published() {
    let body = "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&\
                channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&\
                response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F\
                96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c";
    let headers = [
        ("X-Slack-Request-Timestamp", "1531420618"),
        ("X-Slack-Signature", "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"),
    ];
    let secret = "8f742231b10e8888abcd99yyyzzz85a5";
    assert!(published("slack", &headers, body, secret, 1_531_420_618).is_ok());
    assert!(published("slack", &headers, body, secret, 1_531_420_618 + 301).is_err());
}

/// The example of the Standard Webhooks specification's libraries.
#[test]
fn standard_webhooks_as_published() {
    let headers = [
        ("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek"),
        ("webhook-timestamp", "1614265330"),
        ("webhook-signature", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="),
    ];
    for source in ["standard", "gitlab", "payments"] {
        let body = r#"{"test": 2432232314}"#;
        assert!(published(source, &headers, body, SECRET, 1_614_265_330).is_ok(), "{source}");
        assert!(published(source, &headers, body, OTHER, 1_614_265_330).is_err(), "{source}");
    }
}
