"""Texts in many scripts and forms, the same for every run: what tokenizers are compared on."""

import random

SCRIPTS = {
    "latin": (0x61, 0x7A), "latin accents": (0xC0, 0x17F), "cyrillic": (0x410, 0x44F), "greek": (0x391, 0x3C9),
    "armenian": (0x531, 0x587), "hebrew": (0x5D0, 0x5EA), "arabic": (0x621, 0x64A), "devanagari": (0x904, 0x94D),
    "bengali": (0x985, 0x9CD), "tamil": (0xB85, 0xBCD), "telugu": (0xC05, 0xC4D), "thai": (0xE01, 0xE4E),
    "georgian": (0x10D0, 0x10FA), "ethiopic": (0x1200, 0x1248), "khmer": (0x1780, 0x17D2), "hiragana": (0x3041, 0x3096),
    "katakana": (0x30A1, 0x30FA), "han": (0x4E00, 0x9FA5), "han extension": (0x20000, 0x2A6DF),
    "hangul": (0xAC00, 0xD7A3), "jamo": (0x1100, 0x11FF), "fullwidth": (0xFF01, 0xFF5E), "math": (0x1D400, 0x1D7FF),
    "symbols": (0x2190, 0x23FF), "emoji": (0x1F300, 0x1F6FF), "cuneiform": (0x12000, 0x12399), "braille": (0x2800, 0x28FF),
    "superscripts": (0x2070, 0x209C), "roman numerals": (0x2160, 0x2188), "private use": (0xE000, 0xE0FF),
    "unassigned": (0xE1000, 0xE10FF), "variation selectors": (0xFE00, 0xFE0F), "controls": (0x01, 0x1F),
}  # fmt: skip
SPACES = [" ", "  ", "   ", "\t", "\n", "\r\n", "\r", "\n\n", " \n", "\n ", "\t\t", "\u00a0", "\u2009", "\u3000", "\u2028", "\u0085", "\u200b", "\ufeff"]
WORDS = """the of and to in is that it was for on are as with his they at be this have from or one had by word but
not what all were we when your can said there use an each which she do how their if will up other about out many then
Hello World naïve café Straße Ærøskøbing coöperate ÉCOLE İstanbul ǅ ﬁnance I'm you're WE'LL she'D they'Ve it'S 'TIS don't
O'Neill rock'n'roll y'all'd've 'quoted' "double" (round) [square] {curly} <angle> a/b a_b a-b a.b a@b.c #tag $100 50% x^2
print(f"{x!r:>10}") def f(x: int) -> None: return x**2 # comment std::vector<int> v{1,2}; \\boxed{42} \\frac{1}{2} $$e^{i\\pi}$$
http://example.com/?q=1&r=%20 C:\\Users\\x 2024-01-31T23:59:59Z 1,234,567.89 1e-10 0x1F 3.14159 -273.15 +49 ½ ²""".split()
SPECIAL = ["<s>", "</s>", "<unk>", "<pad>", "<bos>", "<eos>", "<|endoftext|>", "<|im_start|>", "<|im_end|>", "<start_of_turn>",
           "<end_of_turn>", "<|fim_prefix|>", "<unused0>", "<0x0A>", "<mask>", "<|eot_id|>", "<table>", "<h1>", "[INST]", "<think>"]  # fmt: skip
EMOJI = ["👩‍👩‍👧‍👦", "🏳️‍🌈", "🇩🇪", "👍🏽", "☺️", "1️⃣", "🧑🏿‍🚀", "❤️‍🔥", "e\u0301", "a\u0300\u0301\u0302", "n\u0303", "कि", "ง่", "நி", "각", "𝔘𝔫𝔦", "Z̷͓a̶l̸g̵o"]


def lines(count=2000, seed=20261128):
    generator = random.Random(seed)
    kinds = [words, script, mixed, numbers, spaces, code, specials, emoji, contractions, anything]
    texts = ["", " ", "  ", "\n", "\t", "\r\n", " a", "a ", "A", "▁", "▁a", "a▁b", "Ġ", "Ċ", "ſ", "don'ſ", "K"]
    texts += [" " * n for n in range(3, 70)] + ["\n" * n for n in range(2, 40)] + ["x" + "\t" * n + "y" for n in range(2, 20)]
    texts += ["".join(str((i * 7) % 10) for i in range(n)) for n in range(1, 33)]
    while len(texts) < count:
        texts.append(generator.choice(kinds)(generator))
    return texts[:count]


def words(generator):
    return " ".join(generator.choice(WORDS) for _ in range(generator.randint(1, 12)))


def script(generator):
    low, high = SCRIPTS[generator.choice(list(SCRIPTS))]
    word = lambda: "".join(chr(generator.randint(low, high)) for _ in range(generator.randint(1, 9)))
    return generator.choice(SPACES + [" "] * 20).join(word() for _ in range(generator.randint(1, 7)))


def mixed(generator):
    return generator.choice(["", " ", "-", "."]).join(script(generator) for _ in range(generator.randint(2, 4)))


def numbers(generator):
    digits = ["0123456789", "٠١٢٣٤٥٦٧٨٩", "०१२३४५६७८९", "０１２３４５６７８９", "²³¹½¼Ⅷ"]
    number = lambda: "".join(generator.choice(generator.choice(digits[:1] * 6 + digits)) for _ in range(generator.randint(1, 12)))
    return generator.choice([" ", ",", ".", " + ", "", "a", "\n", "%"]).join(number() for _ in range(generator.randint(1, 5)))


def spaces(generator):
    text = ""
    for _ in range(generator.randint(1, 6)):
        text += "".join(generator.choice(SPACES) for _ in range(generator.randint(1, 6)))
        text += generator.choice(WORDS + ["", "1", ".", "!"])
    return text + generator.choice(["", " ", "\n", "  \n"])


def code(generator):
    statements = ["if x == 1:", "return a[i+1]", "x = {'a': 1, \"b\": None}", "// TODO!!!", "/* ... */", "#include <stdio.h>", "}", "&&", "=>", "!=", "+= 1;", "''", '""', "<div class=\"x\">", "</div>", "SELECT * FROM t;", "\\n", "%d\\t%s"]  # fmt: skip
    depth = lambda: generator.choice(["", "    ", "\t", "        ", "  "])
    return "\n".join(depth() + generator.choice(statements) for _ in range(generator.randint(1, 8)))


def specials(generator):
    parts = []
    for _ in range(generator.randint(1, 5)):
        parts.append(generator.choice(SPECIAL))
        parts.append(generator.choice(["", " ", "\n", "user\n", " one", "two ", "  ", ".", generator.choice(WORDS)]))
    return generator.choice(["", " ", "a"]) + "".join(parts)


def emoji(generator):
    return generator.choice(["", " ", "a"]).join(generator.choice(EMOJI) for _ in range(generator.randint(1, 6)))


def contractions(generator):
    endings = ["'s", "'t", "'re", "'ve", "'m", "'ll", "'d", "'S", "'T", "'RE", "'Ve", "'M", "'Ll", "'D", "’s", "'x", "''s"]
    return generator.choice([" ", "", "\n"]).join(generator.choice(["it", "IT", "é", "ne", "", "7", "我", "."]) + generator.choice(endings) for _ in range(generator.randint(1, 5)))


def anything(generator):
    """Any code points but surrogates and NUL, at which C programs end a text."""
    pick = lambda: generator.choice([generator.randint(1, 0x7F), generator.randint(1, 0x24F), generator.randint(1, 0xD7FF), generator.randint(0xE000, 0x10FFFF)])
    return "".join(chr(pick()) for _ in range(generator.randint(1, 12)))
