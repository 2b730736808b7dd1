//! The contract of `BlobStore`.

use std::time::Duration;

use millrace_app::ports::{BlobInfo, BlobStore as _, Clock as _, Ports as _, StoreError};

use super::{ContractEnv, fresh};

const TEXT: &str = "text/plain; charset=utf-8";
const BYTES: &str = "application/octet-stream";

/// All keys under a prefix, page by page.
async fn keys<E: ContractEnv>(env: &E, prefix: &str, limit: usize) -> Vec<BlobInfo> {
    let (mut all, mut cursor) = (Vec::new(), None);
    loop {
        let page = env.ports().blobs().list(prefix, cursor.as_deref(), limit).await.unwrap();
        assert!(page.items.len() <= limit);
        all.extend(page.items);
        cursor = page.next;
        if cursor.is_none() {
            return all;
        }
    }
}

fn sizes(listed: Vec<BlobInfo>) -> Vec<(String, u64)> {
    listed.into_iter().map(|info| (info.key, info.size)).collect()
}

/// A listing says when each blob was put last, by the store's clock: a second put of the same bytes makes it young again.
pub async fn times_of_puts<E: ContractEnv>(env: &E) {
    /// What the store's clock may be off, and what is cut off.
    const OFF_MILLIS: i64 = 120_000;
    let (ports, folder) = (env.ports(), fresh(env));
    let mut before = i64::MIN;
    for _ in 0..2 {
        ports.blobs().put(&folder, vec![7; 100_000], BYTES).await.unwrap();
        let now = ports.clock().now().millis();
        let put = keys(env, &folder, 10).await.first().unwrap().modified_at.millis();
        assert!((put - now).abs() <= OFF_MILLIS, "{put} is not about {now}");
        assert!(put > before, "{put} is not after {before}");
        before = put;
        // S3 tells whole seconds.
        env.pass_time(Duration::from_millis(1_100)).await;
    }
    assert_eq!(keys(env, &folder, 10).await.first().unwrap().modified_at.millis(), before);
}

/// What is read is what was written; what was not written is `None`.
pub async fn put_and_get<E: ContractEnv>(env: &E) {
    let (blobs, folder) = (env.ports().blobs(), fresh(env));
    let key = format!("{folder}/a/b.txt");
    assert_eq!(blobs.get(&key).await.unwrap(), None);
    blobs.put(&key, b"hello".to_vec(), TEXT).await.unwrap();
    assert_eq!(blobs.get(&key).await.unwrap().as_deref(), Some(b"hello".as_slice()));
    for other in [format!("{folder}/a"), format!("{folder}/a/b"), format!("{folder}/a/b.txt.x")] {
        assert_eq!(blobs.get(&other).await.unwrap(), None, "{other}");
    }
}

/// No bytes, all bytes and five megabytes of them.
pub async fn empty_and_large<E: ContractEnv>(env: &E) {
    let (blobs, folder) = (env.ports().blobs(), fresh(env));
    let sizes = [0, 1, 256, 32 * 1024, 32 * 1024 + 1, 5 * 1024 * 1024];
    for size in sizes {
        let bytes: Vec<u8> = (0..size).map(|place| u8::try_from((place + place / 251) % 256).unwrap()).collect();
        let key = format!("{folder}/{size:08}");
        blobs.put(&key, bytes.clone(), BYTES).await.unwrap();
        assert!(blobs.get(&key).await.unwrap() == Some(bytes), "{size} bytes came back changed");
    }
    let listed: Vec<u64> = keys(env, &folder, 100).await.into_iter().map(|info| info.size).collect();
    assert_eq!(listed, sizes.map(|size: u32| u64::from(size)));
}

/// A second put replaces the first, larger or smaller.
pub async fn replacing<E: ContractEnv>(env: &E) {
    let (blobs, key) = (env.ports().blobs(), fresh(env));
    for size in [10, 100_000, 5, 200_000, 150_000, 0] {
        blobs.put(&key, vec![u8::try_from(size % 251).unwrap(); size], BYTES).await.unwrap();
        assert!(blobs.get(&key).await.unwrap() == Some(vec![u8::try_from(size % 251).unwrap(); size]), "{size}");
        let listed = keys(env, &key, 10).await;
        let listed: Vec<_> = listed.into_iter().map(|info| (info.key, info.size)).collect();
        assert_eq!(listed, [(key.clone(), size as u64)]);
    }
}

/// A deleted blob is gone; deleting what is not there is no error.
pub async fn deleting<E: ContractEnv>(env: &E) {
    let (blobs, folder) = (env.ports().blobs(), fresh(env));
    let keep = format!("{folder}/keep");
    blobs.put(&keep, b"x".to_vec(), TEXT).await.unwrap();
    for size in [3, 100_000] {
        let key = format!("{folder}/{size}");
        blobs.put(&key, vec![1; size], BYTES).await.unwrap();
        blobs.delete(&key).await.unwrap();
        assert_eq!(blobs.get(&key).await.unwrap(), None);
        blobs.delete(&key).await.unwrap();
    }
    assert_eq!(keys(env, &folder, 10).await.into_iter().map(|info| info.key).collect::<Vec<_>>(), [keep]);
}

/// Keys are texts: spaces, other scripts and what URLs and file systems hold to be special are kept apart.
pub async fn odd_keys<E: ContractEnv>(env: &E) {
    let (blobs, folder) = (env.ports().blobs(), fresh(env));
    let names = [
        "a",
        "a/b",
        "a/b/c",
        "A",
        "with space",
        "with%20space",
        "with+plus",
        "é",
        "e\u{301}",
        "日本/語 🦀.txt",
        "q?x=1&y=2#z",
        "quote'\"`",
        "semi;colon:comma,",
        "(round)[square]{curly}",
        "back\\slash",
        "a..b",
        ".hidden",
        "~tilde",
        "star*",
        "<less>&amp;",
    ];
    let mut expected: Vec<String> = names.iter().map(|name| format!("{folder}/{name}")).collect();
    for (number, key) in expected.iter().enumerate() {
        blobs.put(key, number.to_string().into_bytes(), TEXT).await.unwrap();
    }
    for (number, key) in expected.iter().enumerate() {
        assert_eq!(blobs.get(key).await.unwrap(), Some(number.to_string().into_bytes()), "{key}");
    }
    expected.sort_unstable();
    let listed: Vec<String> = keys(env, &format!("{folder}/"), 3).await.into_iter().map(|info| info.key).collect();
    assert_eq!(listed, expected);
    for key in &expected {
        blobs.delete(key).await.unwrap();
    }
    assert_eq!(keys(env, &folder, 10).await, []);
}

/// By key, only what begins with the prefix, in pages that lose and repeat nothing.
pub async fn listing_in_pages<E: ContractEnv>(env: &E) {
    let (blobs, folder) = (env.ports().blobs(), fresh(env));
    let mut expected = Vec::new();
    for number in 0..13_usize {
        let key = format!("{folder}/files/{number:02}");
        blobs.put(&key, vec![0; number], BYTES).await.unwrap();
        expected.push((key, number as u64));
    }
    for other in ["file", "files", "files0", "fileS/00"] {
        blobs.put(&format!("{folder}/{other}"), Vec::new(), BYTES).await.unwrap();
    }
    for limit in [1, 5, 12, 13, 14, 1_000] {
        assert_eq!(sizes(keys(env, &format!("{folder}/files/"), limit).await), expected, "{limit}");
    }
    assert_eq!(sizes(keys(env, &format!("{folder}/files/0"), 4).await), expected[..10]);
    assert_eq!(keys(env, &format!("{folder}/nothing"), 4).await, []);
    assert_eq!(keys(env, &folder, 4).await.len(), 17);
}

/// A cursor works for the prefix that made it.
pub async fn foreign_cursors_are_refused<E: ContractEnv>(env: &E) {
    let (blobs, folder) = (env.ports().blobs(), fresh(env));
    for name in ["a/1", "a/2", "b/1", "b/2"] {
        blobs.put(&format!("{folder}/{name}"), Vec::new(), BYTES).await.unwrap();
    }
    let next = blobs.list(&format!("{folder}/a/"), None, 1).await.unwrap().next.unwrap();
    let safe = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    assert!(next.bytes().all(safe), "a cursor is URL-safe: {next}");
    for (prefix, cursor) in [("b/", next.as_str()), ("", next.as_str()), ("a/", "AAAA"), ("a/", "no cursor")] {
        let answer = blobs.list(&format!("{folder}/{prefix}"), Some(cursor), 1).await;
        assert!(matches!(answer, Err(StoreError::InvalidCursor)), "{prefix} {cursor}: {answer:?}");
    }
}

/// A link is absolute or begins at the server's root, and is a legal URL.
pub async fn download_urls<E: ContractEnv>(env: &E) {
    let (blobs, folder) = (env.ports().blobs(), fresh(env));
    let key = format!("{folder}/a b/é.zip");
    blobs.put(&key, b"zip".to_vec(), "application/zip").await.unwrap();
    let url = blobs.download_url(&key, "my \"shop\" é.zip", Duration::from_secs(300)).await.unwrap();
    assert!(url.starts_with('/') || url.starts_with("https://") || url.starts_with("http://"), "{url}");
    assert!(url.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&byte)), "{url}");
    let other = blobs.download_url(&key, "other.zip", Duration::from_secs(300)).await.unwrap();
    assert_ne!(url, other);
}
