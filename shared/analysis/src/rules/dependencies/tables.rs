//! Which modules belong to a language, and which package a Python module comes from.

/// The modules of Python's standard library, of 3.9 to 3.14.
pub(super) const PYTHON: &str = "\
__future__ __main__ _thread abc aifc annotationlib antigravity argparse array ast asynchat asyncio asyncore atexit \
audioop base64 bdb binascii bisect builtins bz2 cProfile calendar cgi cgitb chunk cmath cmd code codecs codeop \
collections colorsys compileall compression concurrent configparser contextlib contextvars copy copyreg crypt csv \
ctypes curses dataclasses datetime dbm decimal difflib dis distutils doctest email encodings ensurepip enum errno \
faulthandler fcntl filecmp fileinput fnmatch fractions ftplib functools gc genericpath getopt getpass gettext glob \
graphlib grp gzip hashlib heapq hmac html http idlelib imaplib imghdr imp importlib inspect io ipaddress itertools \
json keyword lib2to3 linecache locale logging lzma mailbox mailcap marshal math mimetypes mmap modulefinder msilib \
msvcrt multiprocessing netrc nis nntplib nt ntpath nturl2path numbers opcode operator optparse os ossaudiodev pathlib \
pdb pickle pickletools pipes pkgutil platform plistlib poplib posix posixpath pprint profile pstats pty pwd py_compile \
pyclbr pydoc pydoc_data pyexpat queue quopri random re readline reprlib resource rlcompleter runpy sched secrets \
select selectors shelve shlex shutil signal site smtpd smtplib sndhdr socket socketserver spwd sqlite3 sre_compile \
sre_constants sre_parse ssl stat statistics string stringprep struct subprocess sunau symtable sys sysconfig syslog \
tabnanny tarfile telnetlib tempfile termios textwrap this threading time timeit tkinter token tokenize tomllib trace \
traceback tracemalloc tty turtle turtledemo types typing unicodedata unittest urllib uu uuid venv warnings wave \
weakref webbrowser winreg winsound wsgiref xdrlib xml xmlrpc zipapp zipfile zipimport zlib zoneinfo \
";

/// The modules of Node.js.
pub(super) const NODE: &str = "\
assert async_hooks buffer child_process cluster console constants crypto dgram diagnostics_channel dns domain events \
fs http http2 https inspector module net os path perf_hooks process punycode querystring readline repl stream \
string_decoder sys test timers tls trace_events tty url util v8 vm wasi worker_threads zlib sqlite sea \
";

/// Python modules that have another name than their distribution.
pub(super) const DISTRIBUTIONS: [(&str, &[&str]); 48] = [
    ("yaml", &["pyyaml"]),
    ("PIL", &["pillow"]),
    ("cv2", &["opencv-python", "opencv-python-headless", "opencv-contrib-python"]),
    ("sklearn", &["scikit-learn"]),
    ("skimage", &["scikit-image"]),
    ("bs4", &["beautifulsoup4"]),
    ("dotenv", &["python-dotenv"]),
    ("jwt", &["pyjwt"]),
    ("jose", &["python-jose"]),
    ("dateutil", &["python-dateutil"]),
    ("serial", &["pyserial"]),
    ("usb", &["pyusb"]),
    ("OpenSSL", &["pyopenssl"]),
    ("Crypto", &["pycryptodome", "pycrypto"]),
    ("Cryptodome", &["pycryptodomex"]),
    ("nacl", &["pynacl"]),
    ("github", &["pygithub"]),
    ("git", &["gitpython"]),
    ("docx", &["python-docx"]),
    ("pptx", &["python-pptx"]),
    ("magic", &["python-magic"]),
    ("multipart", &["python-multipart"]),
    ("slugify", &["python-slugify"]),
    ("telegram", &["python-telegram-bot"]),
    ("ldap", &["python-ldap"]),
    ("discord", &["discord-py", "py-cord"]),
    ("psycopg2", &["psycopg2", "psycopg2-binary"]),
    ("psycopg", &["psycopg", "psycopg-binary"]),
    ("MySQLdb", &["mysqlclient"]),
    ("mysql", &["mysql-connector-python"]),
    ("pymysql", &["pymysql"]),
    ("attr", &["attrs"]),
    ("pkg_resources", &["setuptools"]),
    ("zmq", &["pyzmq"]),
    ("websocket", &["websocket-client"]),
    ("socketio", &["python-socketio"]),
    ("engineio", &["python-engineio"]),
    ("rest_framework", &["djangorestframework"]),
    ("corsheaders", &["django-cors-headers"]),
    ("environ", &["django-environ"]),
    ("dns", &["dnspython"]),
    ("faiss", &["faiss-cpu", "faiss-gpu"]),
    ("fitz", &["pymupdf"]),
    ("ruamel", &["ruamel-yaml"]),
    ("flask_restx", &["flask-restx"]),
    ("grpc", &["grpcio"]),
    ("speech_recognition", &["speechrecognition"]),
    ("win32api", &["pywin32"]),
];

/// What comes with a Python distribution and is often imported beside it.
pub(super) const BROUGHT: [(&str, &[&str]); 14] = [
    ("fastapi", &["starlette", "pydantic", "anyio"]),
    ("flask", &["werkzeug", "jinja2", "click", "markupsafe", "itsdangerous"]),
    ("boto3", &["botocore", "s3transfer"]),
    ("requests", &["urllib3", "certifi"]),
    ("pandas", &["numpy", "dateutil", "pytz"]),
    ("scikit-learn", &["numpy", "scipy", "joblib"]),
    ("matplotlib", &["numpy", "mpl_toolkits", "PIL", "pylab"]),
    ("httpx", &["httpcore", "anyio", "h11"]),
    ("pytest", &["_pytest", "pluggy"]),
    ("django", &["asgiref", "sqlparse"]),
    ("pydantic", &["pydantic_core", "annotated_types", "typing_extensions"]),
    ("aiohttp", &["multidict", "yarl"]),
    ("moto", &["boto3", "botocore"]),
    ("sqlalchemy", &["typing_extensions"]),
];
