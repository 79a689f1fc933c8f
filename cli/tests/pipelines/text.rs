//! Inputs: quick to make, and such that every piece tells where it belongs.

/// A generator of numbers that look random; the same at every run.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Random {
        Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(crate) fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % limit
    }

    /// Short mostly, long now and then, of every length between.
    fn length(&mut self, longest: usize) -> usize {
        let most = [3, 40, 200, 200, 200, 2000, 60_000][self.below(7)].min(longest);
        self.below(most + 1)
    }

    /// Bytes of any value but these two.
    fn pool(&mut self, without: [u8; 2]) -> Vec<u8> {
        let mut pool: Vec<u8> = (0..1 << 20).map(|_| self.below(256) as u8).collect();
        pool.iter_mut().filter(|byte| without.contains(byte)).for_each(|byte| *byte = b'x');
        pool
    }
}

/// Records of random lengths, empty ones among them, each behind its delimiter; `bytes` or a little more.
pub(crate) fn delimited(delimiter: u8, bytes: usize) -> Vec<u8> {
    let mut random = Random::new(u64::from(delimiter) + 1);
    let pool = random.pool([delimiter; 2]);
    let mut text = Vec::with_capacity(bytes + 100_000);
    while text.len() < bytes {
        let len = random.length(60_000);
        let from = random.below(pool.len() - len);
        text.extend_from_slice(&pool[from..from + len]);
        text.push(delimiter);
    }
    text
}

/// Frames of random lengths and bytes, empty ones among them.
pub(crate) fn frames(bytes: usize) -> Vec<u8> {
    let mut random = Random::new(77);
    let pool: Vec<u8> = (0..1 << 20).map(|_| random.below(256) as u8).collect();
    let mut text = Vec::with_capacity(bytes + 100_000);
    while text.len() < bytes {
        let len = random.length(60_000);
        let from = random.below(pool.len() - len);
        text.extend_from_slice(&u32::try_from(len).expect("short").to_le_bytes());
        text.extend_from_slice(&pool[from..from + len]);
    }
    text
}

/// Lines of random lengths that begin with their numbers, and where each begins in the text; the end of the text is the last.
pub(crate) struct Numbered {
    pub(crate) text: Vec<u8>,
    pub(crate) begins: Vec<usize>,
}

const DIGITS: usize = 9;

impl Numbered {
    pub(crate) fn new(bytes: usize) -> Numbered {
        let mut random = Random::new(5);
        let pool = random.pool([b'\n'; 2]);
        let (mut text, mut begins) = (Vec::with_capacity(bytes + 4096), vec![0]);
        while text.len() < bytes {
            let number = begins.len() - 1;
            text.extend_from_slice(format!("{number:0DIGITS$} ").as_bytes());
            let len = random.below(400);
            let from = random.below(pool.len() - len);
            text.extend_from_slice(&pool[from..from + len]);
            text.push(b'\n');
            begins.push(text.len());
        }
        Numbered { text, begins }
    }

    /// Where `piece`, which begins with a line's beginning, lies in the text.
    pub(crate) fn place(&self, piece: &[u8]) -> std::ops::Range<usize> {
        let number = std::str::from_utf8(&piece[..DIGITS]).ok().and_then(|digits| digits.parse::<usize>().ok());
        let begin = self.begins[number.expect("a line's number")];
        let end = begin + piece.len();
        assert!(self.text.get(begin..end) == Some(piece), "{begin}..{end} is not in the input");
        begin..end
    }

    /// Bytes that the lines from one place to another take in a ring.
    pub(crate) fn record_bytes(&self, from: usize, to: usize) -> usize {
        let lens = self.begins.windows(2).filter(|line| line[0] >= from && line[1] <= to).map(|line| line[1] - line[0]);
        lens.map(record_bytes).sum()
    }
}

/// Bytes that a record takes in a ring.
pub(crate) fn record_bytes(len: usize) -> usize {
    8 + len.next_multiple_of(8)
}

/// That two long texts are the same, and where they are not.
pub(crate) fn assert_same(found: &[u8], expected: &[u8]) {
    if found != expected {
        let at = found.iter().zip(expected).position(|(found, expected)| found != expected);
        let at = at.unwrap_or(found.len().min(expected.len()));
        panic!("{} bytes found, {} expected; the first that differs is byte {at}", found.len(), expected.len());
    }
}
