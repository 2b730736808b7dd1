use std::io::{Cursor, Write};

use ::tar::{Builder, EntryType, Header};
use ::zip::write::SimpleFileOptions;
use ::zip::{CompressionMethod, ZipWriter};
use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;

use super::*;

fn deflated() -> SimpleFileOptions {
    SimpleFileOptions::default().compression_method(CompressionMethod::Deflated)
}

fn zip(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (path, contents) in files {
        writer.start_file(*path, deflated()).unwrap();
        writer.write_all(contents).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// A tar whose names nobody checks.
fn tar(files: &[(&str, EntryType, &[u8])]) -> Vec<u8> {
    let mut builder = Builder::new(Vec::new());
    for (path, kind, contents) in files {
        let mut header = Header::new_gnu();
        header.set_entry_type(*kind);
        header.set_size(contents.len() as u64);
        header.as_gnu_mut().unwrap().set_real_size(0);
        header.set_mode(if path.ends_with(".sh") { 0o755 } else { 0o644 });
        header.as_mut_bytes()[..path.len()].copy_from_slice(path.as_bytes());
        header.set_cksum();
        builder.append(&header, *contents).unwrap();
    }
    builder.into_inner().unwrap()
}

fn tar_of(files: &[(&str, &[u8])]) -> Vec<u8> {
    let files: Vec<_> = files.iter().map(|(path, contents)| (*path, EntryType::Regular, *contents)).collect();
    tar(&files)
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// The same files in each format.
fn all_formats(files: &[(&str, &[u8])]) -> [Vec<u8>; 3] {
    let tar = tar_of(files);
    [zip(files), gzip(&tar), tar]
}

fn sources(bytes: &[u8]) -> Result<Unpacked, ArchiveError> {
    unpack_sources(bytes, &ArchiveLimits::default())
}

fn refusal(bytes: &[u8]) -> String {
    sources(bytes).unwrap_err().to_string()
}

fn paths(unpacked: &Unpacked) -> Vec<&str> {
    unpacked.files.iter().map(|file| file.path.as_str()).collect()
}

#[test]
fn every_format_gives_the_same_files() {
    let files: &[(&str, &[u8])] = &[("b/run.sh", b"#!/bin/sh\n"), ("a.txt", b"text"), ("c.bin", &[0, 159, 255])];
    for (bytes, format) in all_formats(files).iter().zip(["zip", "tar.gz", "tar"]) {
        let unpacked = sources(bytes).unwrap();
        assert_eq!(unpacked.format.as_str(), format);
        assert_eq!(paths(&unpacked), ["a.txt", "b/run.sh", "c.bin"]);
        assert_eq!(unpacked.files[2].contents, [0, 159, 255]);
        assert_eq!(unpacked.files[1].executable, format != "zip");
        assert_eq!((unpacked.top_folder, unpacked.skipped), (None, vec![]));
    }
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    writer.add_directory("a", deflated()).unwrap();
    writer.start_file("a/b", deflated().unix_permissions(0o755)).unwrap();
    let unpacked = unpack(&writer.finish().unwrap().into_inner(), &ArchiveLimits::default()).unwrap();
    assert_eq!((unpacked.files.len(), unpacked.files[0].executable), (1, true));
    // As `tar c .` writes it.
    let dots = tar(&[
        ("./", EntryType::Directory, b""),
        ("./a", EntryType::Regular, b"x"),
        ("./old/", EntryType::Regular, b""),
    ]);
    assert_eq!(paths(&sources(&dots).unwrap()), ["a"]);
}

#[test]
fn the_folder_round_a_project_is_taken_away() {
    for bytes in
        all_formats(&[("repo-main/README.md", b"x"), ("repo-main/src/a.py", b""), ("repo-main/node_modules/x", b"")])
    {
        let unpacked = sources(&bytes).unwrap();
        assert_eq!(paths(&unpacked), ["README.md", "src/a.py"]);
        assert_eq!(unpacked.top_folder.as_deref(), Some("repo-main"));
        assert_eq!(unpacked.skipped[0].path, "node_modules/");
    }
    for own in [&["src/a.py"][..], &["a/b", "c"], &["a/b", "ab/c"]] {
        let own: Vec<(&str, &[u8])> = own.iter().map(|path| (*path, &b""[..])).collect();
        assert_eq!(sources(&zip(&own)).unwrap().top_folder, None);
    }
    let around = unpack(&zip(&[("repo/a", b"")]), &ArchiveLimits::default()).unwrap();
    assert_eq!(paths(&around), ["repo/a"], "a plain reader takes nothing away");
}

#[test]
fn what_tools_make_is_skipped_and_told() {
    let files: &[(&str, &[u8])] = &[
        ("app.py", b"x"),
        (".git/config", b""),
        (".git/HEAD", b""),
        ("web/node_modules/.bin/x", b""),
        ("lib/__pycache__/a.pyc", b""),
        ("lib/b.pyc", b""),
        ("target/debug/x", b""),
        ("__MACOSX/._app.py", b""),
        (".DS_Store", b""),
        ("venv.txt", b"kept"),
        ("src/target.rs", b"kept"),
    ];
    for bytes in all_formats(files) {
        let unpacked = sources(&bytes).unwrap();
        assert_eq!(paths(&unpacked), ["app.py", "src/target.rs", "venv.txt"]);
        let told: Vec<(&str, u64)> = unpacked.skipped.iter().map(|one| (one.path.as_str(), one.entries)).collect();
        let expected = [
            (".DS_Store", 1),
            (".git/", 2),
            ("__MACOSX/", 1),
            ("lib/__pycache__/", 1),
            ("lib/b.pyc", 1),
            ("target/", 1),
            ("web/node_modules/", 1),
        ];
        assert_eq!(told, expected);
    }
    // Links of what is skipped do no harm; elsewhere they are refused.
    let link = |path| tar(&[(path, EntryType::Symlink, b""), ("a", EntryType::Regular, b"")]);
    assert_eq!(paths(&sources(&link("node_modules/.bin/x")).unwrap()), ["a"]);
    assert!(refusal(&link("bin/x")).contains("`bin/x` is a symbolic link"));
    assert!(refusal(&zip(&[(".git/config", b"")])).contains("no file in the archive"));
    assert!(refusal(&zip(&[])).contains("no file"), "{}", refusal(&zip(&[])));
}

#[test]
fn unsafe_paths_are_refused_by_name() {
    for path in [
        "../a",
        "/a",
        "a/../../b",
        "a\\b",
        "C:/a",
        "a//b",
        "a/./b",
        "con",
        "a/NUL.txt",
        "x?",
        "a\nb",
        "~/a",
        "trailing.",
        "node_modules/../../a",
        ".git/../../b",
        "a/.",
    ] {
        for bytes in all_formats(&[(path, b"x"), ("ok", b"")]) {
            let problem = sources(&bytes).unwrap_err();
            assert!(matches!(problem, ArchiveError::Path { .. }), "{path}: {problem}");
            let name = path.escape_debug().to_string();
            assert!(problem.to_string().contains(&name) && !problem.is_size(), "{problem}");
        }
    }
    for (one, other) in [("a", "A"), ("a", "a/b"), ("É", "é"), ("Dir/a", "dir/b")] {
        for bytes in all_formats(&[(one, b""), (other, b"")]) {
            assert!(matches!(sources(&bytes), Err(ArchiveError::Path { .. })), "{one} {other}");
        }
    }
    assert!(refusal(&tar_of(&[("a", b"1"), ("a", b"2")])).contains("given twice"));
    let mut twice = zip(&[("ab", b"1"), ("ac", b"2")]);
    while let Some(at) = twice.windows(2).position(|two| two == b"ac") {
        twice[at + 1] = b'b';
    }
    assert!(sources(&twice).is_err());
}

#[test]
fn names_in_other_encodings_are_refused() {
    let mut bytes = zip(&[("naive.txt", b"x")]);
    while let Some(at) = bytes.windows(5).position(|five| five == b"naive") {
        bytes[at + 2] = 0xef;
    }
    assert!(refusal(&bytes).contains("na\u{fffd}ve.txt` is not UTF-8"), "{}", refusal(&bytes));
    let mut header = Header::new_ustar();
    header.as_mut_bytes()[..3].copy_from_slice(b"a\xffb");
    header.set_size(0);
    header.set_cksum();
    let mut builder = Builder::new(Vec::new());
    builder.append(&header, &b""[..]).unwrap();
    assert!(matches!(sources(&builder.into_inner().unwrap()), Err(ArchiveError::Name { .. })));
}

#[test]
fn links_devices_and_secrets_are_refused_by_name() {
    for (kind, word) in [
        (EntryType::Symlink, "symbolic link"),
        (EntryType::Link, "hard link"),
        (EntryType::Char, "device"),
        (EntryType::Block, "device"),
        (EntryType::Fifo, "pipe"),
        (EntryType::GNUSparse, "sparse"),
        (EntryType::new(b'V'), "not known"),
    ] {
        let text = refusal(&tar(&[("etc/x", kind, b"")]));
        assert!(text.contains("`etc/x`") && text.contains(word), "{text}");
    }
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    writer.add_symlink("a", "/etc/passwd", deflated()).unwrap();
    assert!(refusal(&writer.finish().unwrap().into_inner()).contains("`a` is a symbolic link"));
    // The flag of encryption in both headers of an entry.
    let mut bytes = zip(&[("secret.txt", b"x")]);
    bytes[6] |= 1;
    let central = bytes.windows(4).position(|four| four == b"PK\x01\x02").unwrap();
    bytes[central + 8] |= 1;
    assert!(refusal(&bytes).contains("`secret.txt` is encrypted"), "{}", refusal(&bytes));
}

#[test]
fn every_limit_counts_and_names_the_entry() {
    let small = |limits: ArchiveLimits, bytes: &[u8]| unpack_sources(bytes, &limits).unwrap_err();
    let default = ArchiveLimits::default();
    for bytes in all_formats(&[("one", &[1; 1000]), ("two", &[2; 1000]), ("three", &[3; 1000])]) {
        let limits = ArchiveLimits { max_file_bytes: 999, ..default.clone() };
        assert!(small(limits, &bytes).to_string().starts_with("`one` has more than the 999 bytes"));
        let limits = ArchiveLimits { max_total_bytes: 2500, ..default.clone() };
        assert!(small(limits, &bytes).to_string().starts_with("with `three` the files have more than the 2500"));
        let limits = ArchiveLimits { max_files: 1, ..default.clone() };
        assert!(small(limits, &bytes).to_string().contains("`two` is one too many"));
        let limits = ArchiveLimits { max_entries: 2, ..default.clone() };
        assert!(small(limits, &bytes).to_string().contains("more than the 2 entries"));
        let limits = ArchiveLimits { max_archive_bytes: 10, ..default.clone() };
        let problem = small(limits, &bytes);
        assert!(matches!(problem, ArchiveError::TooLarge { limit: 10, .. }) && problem.is_size());
    }
}

#[test]
fn bombs() {
    let zeros = vec![0; 4 * 1024 * 1024];
    let bytes = zip(&[("zeros", &zeros)]);
    assert!(refusal(&bytes).contains("`zeros` expands more than 200 times"));
    // What a header says of the size does not help: the bytes are counted.
    let size = (4_u32 * 1024 * 1024).to_le_bytes();
    let mut lying = bytes;
    let places: Vec<usize> = lying.windows(4).enumerate().filter(|(_, at)| *at == size).map(|(at, _)| at).collect();
    assert!(!places.is_empty());
    for place in places {
        lying[place..place + 4].copy_from_slice(&10_u32.to_le_bytes());
    }
    assert!(sources(&lying).is_err());

    // A tar.gz is unpacked to be skipped: that counts too.
    let tar = gzip(&tar_of(&[("a", b"x"), ("node_modules/zeros", &zeros)]));
    assert!(matches!(sources(&tar), Err(ArchiveError::Ratio { .. })), "{:?}", sources(&tar));
    let limits = ArchiveLimits { max_inflated_bytes: 1024 * 1024, max_ratio: 100_000, ..ArchiveLimits::default() };
    assert_eq!(unpack_sources(&tar, &limits), Err(ArchiveError::Inflated { limit: 1024 * 1024 }));
    // Zeros after the end of a tar.
    let mut long = tar_of(&[("a", b"x")]);
    long.extend(vec![0; 4 * 1024 * 1024]);
    assert!(matches!(sources(&gzip(&long)), Err(ArchiveError::Ratio { .. })));
    assert_eq!(paths(&sources(&long).unwrap()), ["a"]);
}

#[test]
fn damage_and_other_formats_are_told() {
    let whole = zip(&[("a", b"some text that is long enough to be packed")]);
    let mut bytes = whole.clone();
    bytes[40] ^= 0xff;
    assert!(matches!(sources(&bytes), Err(ArchiveError::Damaged { .. })), "{:?}", sources(&bytes));
    for end in [5, 30, whole.len() - 5] {
        assert!(sources(&whole[..end]).is_err());
    }
    let tar = tar_of(&[("a", &[7; 2000]), ("b", &[8; 100])]);
    assert!(refusal(&tar[..1000]).contains("damaged"), "{}", refusal(&tar[..1000]));
    let packed = gzip(&tar);
    assert!(refusal(&packed[..packed.len() / 2]).contains("damaged"));
    let mut wrong = packed.clone();
    let end = wrong.len() - 6;
    wrong[end] ^= 1;
    assert!(refusal(&wrong).contains("damaged"), "its checksum is wrong");
    for (bytes, word) in [
        (&b""[..], "empty"),
        (b"hello", "no known format"),
        (b"BZh91AY", "bzip2"),
        (b"\xfd7zXZ\0\0", "xz"),
        (b"Rar!\x1a", "rar"),
        (b"{\"name\": 1}", "no known format"),
    ] {
        let text = refusal(bytes);
        assert!(text.contains(word) && text.contains("zip, tar and tar.gz can be read"), "{text}");
    }
    assert!(refusal(&gzip(b"not a tar")).contains("something else than a tar"));
}

#[test]
fn lists_of_a_package_are_taken_away() {
    let manifest = br#"{"format_version":1,"project":{"name":"x"},"files":[{"path":"a","size":1,"sha256":"00","mode":"0644"}],"total_size":1}"#;
    let list = b"00  a\n11  manifest.json\n";
    let unpacked = sources(&zip(&[("a", b"x"), ("manifest.json", manifest), ("SHA256SUMS", list)])).unwrap();
    assert_eq!(paths(&unpacked), ["a"]);
    assert_eq!(unpacked.skipped.len(), 2);
    // An app's own manifest stays.
    let own = sources(&zip(&[("a", b"x"), ("manifest.json", b"{\"files\":[]}"), ("SHA256SUMS", list)])).unwrap();
    assert_eq!(own.files.len(), 3);
}

#[test]
fn checksums_are_compared() {
    let sum = sha256_hex(b"x");
    let with = |list: &str| unpack(&zip(&[("a", b"x"), ("SUMS", list.as_bytes())]), &ArchiveLimits::default()).unwrap();
    assert_eq!(with(&format!("{sum}  a\n")).verify("SUMS"), Ok(1));
    assert!(with(&format!("{sum}  b\n")).verify("SUMS").is_err());
    assert!(with("nothing").verify("SUMS").is_err());
    assert!(with("").verify("none").is_err());
}

proptest! {
    #[test]
    fn random_bytes_never_panic(start in 0_usize..5, bytes in proptest::collection::vec(any::<u8>(), 0..1500)) {
        let marks: [&[u8]; 5] = [b"", b"PK\x03\x04", b"PK\x05\x06", b"\x1f\x8b\x08\x00", b"BZh"];
        let bytes = [marks[start], &bytes].concat();
        let _ = sources(&bytes);
        let _ = sources(&gzip(&bytes));
    }

    #[test]
    fn changed_bytes_never_panic(format in 0_usize..3, place in 0_usize..4000, value: u8) {
        let mut bytes = all_formats(&[("a/b", b"hello hello hello"), ("c", b"")]).into_iter().nth(format).unwrap();
        let place = place % bytes.len();
        bytes[place] = value;
        let _ = sources(&bytes);
    }

    /// A tar whose header was changed and is valid again.
    #[test]
    fn changed_headers_never_panic(place in 0_usize..512, value: u8) {
        let mut bytes = tar_of(&[("a/b", b"hello"), ("c", b"x")]);
        bytes[place] = value;
        let mut header = Header::from_byte_slice(&bytes[..512]).clone();
        header.set_cksum();
        bytes[..512].copy_from_slice(header.as_bytes());
        let _ = sources(&bytes);
        let _ = sources(&gzip(&bytes));
    }
}
