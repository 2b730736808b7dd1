//! Names: splitting into words, joining them in the style of a language, plurals and words that a language keeps.

/// Splits a name such as `OrderItem`, `order-item` or `HTTPServer2` into lower-case words.
pub(crate) fn words(name: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut current = String::new();
    let characters: Vec<char> = name.chars().collect();
    for (index, &character) in characters.iter().enumerate() {
        if !character.is_alphanumeric() {
            if !current.is_empty() {
                words.push(std::mem::take(&mut current));
            }
            continue;
        }
        let previous = index.checked_sub(1).and_then(|before| characters.get(before));
        let next = characters.get(index + 1);
        let starts_word = character.is_uppercase()
            && (previous.is_some_and(|before| before.is_lowercase() || before.is_numeric())
                || previous.is_some_and(|before| before.is_uppercase())
                    && next.is_some_and(|after| after.is_lowercase()));
        if starts_word && !current.is_empty() {
            words.push(std::mem::take(&mut current));
        }
        current.extend(character.to_lowercase());
    }
    if !current.is_empty() {
        words.push(current);
    }
    words
}

/// `order_item`
pub(crate) fn snake(name: &str) -> String {
    words(name).join("_")
}

/// `order-item`
pub(crate) fn kebab(name: &str) -> String {
    words(name).join("-")
}

/// `ORDER_ITEM`
pub(crate) fn shout(name: &str) -> String {
    snake(name).to_uppercase()
}

/// `OrderItem`
pub(crate) fn pascal(name: &str) -> String {
    words(name).iter().map(|word| capitalise(word)).collect()
}

/// `orderItem`
pub(crate) fn camel(name: &str) -> String {
    let mut words = words(name).into_iter();
    words.next().unwrap_or_default() + &words.map(|word| capitalise(&word)).collect::<String>()
}

/// `Order item`
pub(crate) fn phrase(name: &str) -> String {
    capitalise(&words(name).join(" "))
}

fn capitalise(word: &str) -> String {
    let mut characters = word.chars();
    characters.next().map_or_else(String::new, |first| first.to_uppercase().chain(characters).collect())
}

/// The English plural of a name in snake case; only the last word changes: `order_item` → `order_items`.
pub(crate) fn plural(name: &str) -> String {
    let mut words = words(name);
    if let Some(last) = words.pop() {
        words.push(plural_word(&last));
    }
    words.join("_")
}

fn plural_word(word: &str) -> String {
    const IRREGULAR: [(&str, &str); 10] = [
        ("analysis", "analyses"),
        ("child", "children"),
        ("crisis", "crises"),
        ("datum", "data"),
        ("foot", "feet"),
        ("index", "indices"),
        ("man", "men"),
        ("mouse", "mice"),
        ("person", "people"),
        ("woman", "women"),
    ];
    const UNCOUNTED: [&str; 9] =
        ["data", "equipment", "feedback", "information", "media", "metadata", "news", "series", "software"];
    if UNCOUNTED.contains(&word) {
        return word.to_owned();
    }
    if let Some((_, many)) = IRREGULAR.iter().find(|(one, _)| *one == word) {
        return (*many).to_owned();
    }
    if let Some(stem) = word.strip_suffix('y')
        && !stem.ends_with(['a', 'e', 'i', 'o', 'u'])
        && !stem.is_empty()
    {
        return format!("{stem}ies");
    }
    if ["s", "x", "z", "ch", "sh"].iter().any(|ending| word.ends_with(ending)) {
        return format!("{word}es");
    }
    format!("{word}s")
}

/// A Python package name for a project: snake case, and never a keyword or a module of the standard library.
pub(crate) fn python_package(name: &str) -> String {
    let snake = snake(name);
    let taken = PYTHON_MODULES.split_ascii_whitespace().any(|module| module == snake);
    if taken || is_reserved("python", &snake) == Some(true) { format!("{snake}_app") } else { snake }
}

/// Whether `name`, in the form that generated code uses, is kept by the named set of words; `None` for an unknown set.
pub(crate) fn is_reserved(set: &str, name: &str) -> Option<bool> {
    let kept = match set {
        "python" => PYTHON,
        "javascript" => JAVASCRIPT,
        "rust" => RUST,
        "rust-types" => RUST_TYPES,
        "record-fields" => RECORD_FIELDS,
        "modules" => MODULES,
        "cli-names" => CLI_NAMES,
        "html" | "css" | "python-types" | "javascript-types" => "",
        _ => return None,
    };
    let forms = [name.to_owned(), snake(name), camel(name)];
    Some(kept.split_ascii_whitespace().any(|word| forms.iter().any(|form| form == word)))
}

/// Keywords of Python 3.13, with the constants in lower case. Soft keywords such as `type` are free.
const PYTHON: &str = "False None True and as assert async await break class continue def del elif else except finally for \
    from global if import in is lambda nonlocal not or pass raise return try while with yield false none true";

/// Reserved words of ECMAScript 2024 in modules, and names that strict mode does not let a binding have.
const JAVASCRIPT: &str = "arguments async await break case catch class const continue debugger default delete do else \
    enum eval export extends false finally for function if implements import in instanceof interface let new null \
    package private protected public return static super switch this throw true try typeof undefined var void while \
    with yield constructor prototype __proto__";

/// Keywords of Rust 2024, strict, weak where they bite, and kept for later.
const RUST: &str = "abstract as async await become box break const continue crate do dyn else enum extern false final \
    fn for gen if impl in let loop macro match mod move mut override priv pub ref return self static struct super trait \
    true try type typeof unsafe unsized use virtual where while yield";

/// Names of types, traits and crates that generated Rust code needs for itself.
const RUST_TYPES: &str = "deserialize deserialize_owned entity fields option serde serde_json serialize string";

/// Members that every stored record has besides its own fields.
const RECORD_FIELDS: &str = "id version created_at updated_at pk sk";

/// Modules and routes that every generated service has.
const MODULES: &str = "entities health index init lib main mod";

/// Names that the argument parser of a generated command-line tool uses.
const CLI_NAMES: &str = "help version verbose output command handler run";

/// Modules of the Python standard library, 3.11 to 3.13, and names that projects use for something else.
const PYTHON_MODULES: &str = "abc aifc antigravity argparse array ast asynchat asyncio asyncore atexit audioop base64 \
    bdb binascii bisect builtins bz2 calendar cgi cgitb chunk cmath cmd code codecs codeop collections colorsys \
    compileall concurrent configparser contextlib contextvars copy copyreg crypt csv ctypes curses dataclasses \
    datetime dbm decimal difflib dis distutils doctest email encodings ensurepip enum errno faulthandler fcntl filecmp \
    fileinput fnmatch fractions ftplib functools gc genericpath getopt getpass gettext glob graphlib grp gzip hashlib \
    heapq hmac html http idlelib imaplib imghdr imp importlib inspect io ipaddress itertools json keyword lib2to3 \
    linecache locale logging lzma mailbox mailcap marshal math mimetypes mmap modulefinder msilib msvcrt \
    multiprocessing netrc nis nntplib nt ntpath numbers opcode operator optparse os ossaudiodev pathlib pdb pickle \
    pickletools pipes pkgutil platform plistlib poplib posix posixpath pprint profile pstats pty pwd py_compile pyclbr \
    pydoc pyexpat queue quopri random re readline reprlib resource rlcompleter runpy sched secrets select selectors \
    shelve shlex shutil signal site smtpd smtplib sndhdr socket socketserver spwd sqlite3 ssl stat statistics string \
    stringprep struct subprocess sunau symtable sys sysconfig syslog tabnanny tarfile telnetlib tempfile termios \
    textwrap this threading time timeit tkinter token tokenize tomllib trace traceback tracemalloc tty turtle types \
    typing unicodedata unittest urllib uu uuid venv warnings wave weakref webbrowser winreg winsound wsgiref xdrlib \
    xml xmlrpc zipapp zipfile zipimport zlib zoneinfo boto3 botocore test tests src build dist docs";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_names_of_every_style() {
        for name in ["OrderItem", "orderItem", "order_item", "order-item", "ORDER_ITEM", " order item "] {
            assert_eq!(snake(name), "order_item", "{name}");
        }
        assert_eq!(snake("HTTPServer2"), "http_server2");
        assert_eq!(pascal("order_item"), "OrderItem");
        assert_eq!(camel("order-item"), "orderItem");
        assert_eq!(kebab("OrderItem"), "order-item");
        assert_eq!(shout("orderItem"), "ORDER_ITEM");
        assert_eq!(phrase("orderItem"), "Order item");
    }

    #[test]
    fn makes_plurals() {
        for (one, many) in [
            ("book", "books"),
            ("category", "categories"),
            ("day", "days"),
            ("box", "boxes"),
            ("address", "addresses"),
            ("OrderItem", "order_items"),
            ("sales_person", "sales_people"),
            ("news", "news"),
        ] {
            assert_eq!(plural(one), many);
        }
    }

    #[test]
    fn keeps_words_of_languages() {
        assert_eq!(is_reserved("python", "Class"), Some(true));
        assert_eq!(is_reserved("python", "None"), Some(true));
        assert_eq!(is_reserved("javascript", "typeof"), Some(true));
        assert_eq!(is_reserved("javascript", "colour"), Some(false));
        assert_eq!(is_reserved("rust-types", "String"), Some(true));
        assert_eq!(is_reserved("cobol", "x"), None);
        assert_eq!(python_package("json"), "json_app");
        assert_eq!(python_package("class"), "class_app");
        assert_eq!(python_package("book-store"), "book_store");
    }
}
