//! The page as a browser shows it: it can be read in light and in dark, on a large screen and on a phone, and fetches nothing.
//!
//! Without Chromium on the `PATH` there is nothing to see, and the tests say so.

use crate::fixture;
use crate::versus::show::html;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// A page that is told how it looks: what each text's colour and ground are, how it lies in its picture, and how wide all is.
const PROBE: &str = include_str!("probe.js");

fn chromium() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let found = std::env::split_paths(&path).map(|folder| folder.join("chromium")).find(|file| file.is_file());
    if found.is_none() {
        eprintln!("no chromium on the PATH: how the page looks is not checked");
    }
    found
}

/// A folder that goes with its owner.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Scratch(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // The browser's helpers may write for a moment longer than it lives.
        for _ in 0..50 {
            if fs::remove_dir_all(&self.0).is_ok() || !self.0.exists() {
                return;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

/// Stands for the whole network: everything that the browser asks of anybody, it asks of this.
struct Network {
    address: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Network {
    fn serving(page: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (page, told) = (Arc::new(page), Arc::clone(&asked));
        // These end with the process, which is that of the tests. Each connection has its own, for a browser opens some in advance, over
        // which it then says nothing.
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (page, told) = (Arc::clone(&page), Arc::clone(&told));
                std::thread::spawn(move || answer(stream, &page, &told));
            }
        });
        Network { address, asked }
    }
}

fn answer(mut stream: TcpStream, page: &str, asked: &Mutex<Vec<String>>) {
    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
    let Some(Ok(first)) = lines.next() else {
        return;
    };
    while lines.next().is_some_and(|line| line.is_ok_and(|line| !line.is_empty())) {}
    let ours = first.starts_with("GET http://report.test/ ");
    asked.lock().unwrap().push(first);
    let (status, body) = if ours { ("200 OK", page) } else { ("404 Not Found", "") };
    // Who has gone does not want the answer.
    _ = write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
}

/// Whether the browser asks this for itself, whatever the page (the time, accounts, updates). No page of ours could ask for fonts unnoticed.
fn of_the_browsers_own(request: &str) -> bool {
    let address = request.split(' ').nth(1).unwrap_or_default();
    let host = address.trim_start_matches("http://").split(['/', ':']).next().unwrap_or_default();
    let owners = [".google.com", ".googleapis.com", ".gvt1.com"];
    owners.iter().any(|owner| host.ends_with(owner)) && !host.starts_with("fonts.")
}

/// How the page is looked at.
#[derive(Clone, Copy, Debug)]
struct Look {
    dark: bool,
    width: u32,
}

const LOOKS: [Look; 4] = [
    Look { dark: false, width: 1200 },
    Look { dark: true, width: 1200 },
    Look { dark: false, width: 400 },
    Look { dark: true, width: 400 },
];

/// Ends with its owner, whatever becomes of the test.
struct Browser(Child);

impl Drop for Browser {
    fn drop(&mut self) {
        _ = self.0.kill();
        _ = self.0.wait();
    }
}

/// Has the browser do something with the page. What it writes, to stdout and to stderr.
fn browse(chromium: &Path, look: Look, network: &Network, scratch: &Path, what: &[String]) -> (String, String) {
    let [out, err] = ["stdout", "stderr"].map(|name| scratch.join(name));
    let scheme = if look.dark { 0 } else { 1 };
    let child = Command::new(chromium)
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--hide-scrollbars",
            "--no-first-run",
        ])
        .args([
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--disable-default-apps",
        ])
        .args(["--disable-extensions", "--disable-domain-reliability", "--enable-logging=stderr", "--no-pings"])
        .arg(format!("--proxy-server=http://{}", network.address))
        .arg(format!("--user-data-dir={}", scratch.join("profile").display()))
        .arg(format!("--blink-settings=preferredColorScheme={scheme}"))
        .arg(format!("--window-size={},3000", look.width))
        .args(what)
        .arg("http://report.test/")
        .stdin(Stdio::null())
        .stdout(fs::File::create(&out).unwrap())
        .stderr(fs::File::create(&err).unwrap())
        .spawn()
        .unwrap();
    let mut browser = Browser(child);
    let begin = Instant::now();
    let status = loop {
        if let Some(status) = browser.0.try_wait().unwrap() {
            break status;
        }
        // A browser that never ends must not hold up the tests for ever.
        assert!(begin.elapsed() < Duration::from_secs(120), "the browser has not ended");
        std::thread::sleep(Duration::from_millis(20));
    };
    let text = |path: &Path| String::from_utf8_lossy(&fs::read(path).unwrap()).into_owned();
    let (out, err) = (text(&out), text(&err));
    assert!(status.success(), "{status}: {err}");
    (out, err)
}

/// The brightness of a picture's pixels, each from 0 to 255, and how many colours there are.
fn pixels(path: &Path) -> (Vec<u8>, usize) {
    let decoder = png::Decoder::new(std::io::BufReader::new(fs::File::open(path).unwrap()));
    let mut reader = decoder.read_info().unwrap();
    let mut data = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut data).unwrap();
    let samples = info.color_type.samples();
    assert!(samples >= 3 && info.bit_depth == png::BitDepth::Eight, "{info:?}");
    let pixels = || data[..info.buffer_size()].chunks_exact(samples);
    let colours: std::collections::HashSet<&[u8]> = pixels().map(|pixel| &pixel[..3]).collect();
    let brightness =
        pixels().map(|pixel| ((u32::from(pixel[0]) + u32::from(pixel[1]) + u32::from(pixel[2])) / 3) as u8);
    (brightness.collect(), colours.len())
}

#[test]
fn the_page_can_be_seen_and_asks_nobody() {
    let Some(chromium) = chromium() else {
        return;
    };
    let network = Network::serving(html::page(&fixture::run()));
    for look in LOOKS {
        let scratch = Scratch::new(&format!("seen-{}-{}", look.width, look.dark));
        let picture = scratch.0.join("page.png");
        let (_, told) = browse(&chromium, look, &network, &scratch.0, &[format!("--screenshot={}", picture.display())]);
        let (brightness, colours) = pixels(&picture);
        let share =
            |is: fn(u8) -> bool| brightness.iter().filter(|one| is(**one)).count() as f64 / brightness.len() as f64;
        let (bright, dark) = (share(|one| one > 235), share(|one| one < 45));
        let (ground, ink) = if look.dark { (dark, bright) } else { (bright, dark) };
        // Much ground, some ink, and neither is all.
        assert!(ground > 0.75 && ink > 0.001 && ground < 0.995, "{look:?}: ground {ground}, ink {ink}");
        assert!(colours > 200, "{look:?}: {colours} colours");
        assert!(!told.contains("CONSOLE"), "{look:?}: {told}");
        let mut asked = std::mem::take(&mut *network.asked.lock().unwrap());
        asked.retain(|request| !of_the_browsers_own(request));
        assert_eq!(asked, ["GET http://report.test/ HTTP/1.1"], "{look:?}");
    }
}

#[test]
fn all_text_can_be_read() {
    let Some(chromium) = chromium() else {
        return;
    };
    // The page itself forbids every script.
    let page = html::page(&fixture::run());
    let (before, after) = page.split_once("<meta http-equiv=\"Content-Security-Policy\"").unwrap();
    let (_, after) = after.split_once('>').unwrap();
    let page = format!("{before}{}", after.replace("</body>", &format!("<script>{PROBE}</script></body>")));
    let network = Network::serving(page);
    for look in LOOKS {
        let scratch = Scratch::new(&format!("read-{}-{}", look.width, look.dark));
        let (document, told) = browse(&chromium, look, &network, &scratch.0, &["--dump-dom".to_owned()]);
        assert!(!told.contains("CONSOLE"), "{look:?}: {told}");
        let (_, rest) = document.split_once("<pre id=\"probe\">").unwrap_or_else(|| panic!("{look:?}: nothing probed"));
        let found: serde_json::Value = serde_json::from_str(rest.split_once("</pre>").unwrap().0).unwrap();
        assert!(found["texts"].as_u64().unwrap() > 1000, "{look:?}: {found}");
        assert_eq!(found["dark"].as_bool(), Some(look.dark), "{look:?}");
        assert_eq!(found["pale"].as_array().map(Vec::len), Some(0), "{look:?}: {:#}", found["pale"]);
        assert_eq!(found["beyond"].as_array().map(Vec::len), Some(0), "{look:?}: {:#}", found["beyond"]);
        let [wide, window] = ["wide", "window"].map(|name| found[name].as_u64().unwrap());
        assert!(wide <= window, "{look:?}: the page is {wide} wide in a window of {window}");
    }
}
