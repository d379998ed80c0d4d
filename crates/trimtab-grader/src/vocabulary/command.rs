//! Commands of LaTeX.

use super::{Meaning, function, is_greek};

/// The meaning of `\name`, if it is a known command.
pub(crate) fn command(name: &str) -> Option<Meaning> {
    dress(name)
        .or_else(|| operator(name).map(Meaning::Operator))
        .or_else(|| construct(name))
}

/// The meaning of a command that does not change the value: spacing, sizes, styles, marks.
fn dress(name: &str) -> Option<Meaning> {
    use Meaning::{EndMark, Nothing, NothingWithGroups, NothingWithLength, Text};
    Some(match name {
        "left" | "right" | "middle" | "mleft" | "mright" | "big" | "Big" | "bigg" | "Bigg"
        | "bigl" | "bigr" | "Bigl" | "Bigr" | "biggl" | "biggr" | "Biggl" | "Biggr" | "bigm"
        | "Bigm" | "biggm" | "Biggm" | "tiny" | "scriptsize" | "footnotesize" | "small"
        | "normalsize" | "large" | "Large" | "LARGE" | "huge" | "Huge" | "displaystyle"
        | "textstyle" | "scriptstyle" | "scriptscriptstyle" | "displaylimits" | "limits"
        | "nolimits" | "rm" | "bf" | "it" | "sf" | "tt" | "sc" | "em" | "mit" | "cal"
        | "bfseries" | "itshape" | "rmfamily" | "sffamily" | "ttfamily" | "mdseries"
        | "upshape" | "scshape" | "slshape" | "boldmath" | "unboldmath" | "selectfont"
        | "mathbf" | "boldsymbol" | "bm" | "mathit" | "mathnormal" | "bold" | "pmb"
        | "mathbfit" | "symbf" | "symbfit" | "symit" | "symup" | "boxed" | "fbox" | "framebox"
        | "Aboxed" | "underline" | "uline" | "underbar" | "smash" | "llap" | "rlap"
        | "mathllap" | "mathrlap" | "mathclap" | "clap" | "ensuremath" | "num" | "hl"
        | "mathop" | "mathrel" | "mathbin" | "mathord" | "mathopen" | "mathclose" | "mathpunct"
        | "mathinner" | "mathstrut" | "strut" | "centering" | "noindent" | "protect" | "relax"
        | "null" | "quad" | "qquad" | "thinspace" | "medspace" | "thickspace" | "negthinspace"
        | "negmedspace" | "negthickspace" | "enspace" | "enskip" | "space" | "nobreakspace"
        | "hfill" | "vfill" | "hfil" | "newline" | "linebreak" | "nolinebreak" | "break"
        | "nobreak" | "allowbreak" | "par" | "smallskip" | "medskip" | "bigskip" | "nonumber"
        | "notag" | "hline" | "toprule" | "midrule" | "bottomrule" | "therefore" => Nothing,
        "hspace" | "vspace" | "color" | "textcolor" | "colorbox" | "mathcolor" | "label"
        | "tag" | "phantom" | "hphantom" | "vphantom" | "scalebox" | "raisebox" | "href"
        | "cline" | "cmidrule" | "footnote" | "bbox" => NothingWithGroups(1),
        "rule" | "fontsize" | "resizebox" | "fcolorbox" => NothingWithGroups(2),
        "kern" | "mkern" | "hskip" | "mskip" | "vskip" => NothingWithLength,
        "qed" | "qedsymbol" | "blacksquare" | "square" | "Box" | "checkmark" | "blacklozenge"
        | "lozenge" => EndMark,
        "text" | "textbf" | "textrm" | "textit" | "textnormal" | "textsf" | "texttt" | "textup"
        | "textmd" | "textsl" | "mbox" | "hbox" | "makebox" | "mathrm" | "mathsf" | "mathtt"
        | "mathup" | "symrm" | "textsc" | "emph" | "unit" | "si" => Text,
        _ => return None,
    })
}

/// The operator or delimiter of a command.
fn operator(name: &str) -> Option<char> {
    Some(match name {
        "times" | "cdot" | "ast" | "cdotp" | "bullet" => '*',
        "div" | "slash" => '/',
        "cr" | "tabularnewline" => '⏎',
        "sp" => '^',
        "sb" => '_',
        "pm" => '±',
        "mp" => '∓',
        "le" | "leq" | "leqslant" | "leqq" => '≤',
        "ge" | "geq" | "geqslant" | "geqq" => '≥',
        "lt" => '<',
        "gt" => '>',
        "ne" | "neq" => '≠',
        "approx" | "simeq" | "thickapprox" => '≈',
        "sim" | "thicksim" => '∼',
        "cong" => '≅',
        "neg" | "lnot" => '¬',
        "equiv" => '≡',
        "in" | "isin" => '∈',
        "notin" => '∉',
        "cup" | "bigcup" => '∪',
        "cap" | "bigcap" => '∩',
        "setminus" | "backslash" | "smallsetminus" => '∖',
        "infty" | "infin" => '∞',
        "emptyset" | "varnothing" => '∅',
        "circ" => '∘',
        "degree" | "textdegree" | "deg" => '°',
        "prime" => '\'',
        "to" | "rightarrow" | "longrightarrow" | "mapsto" => '→',
        "implies" | "Rightarrow" | "Longrightarrow" => '⇒',
        "iff" | "Leftrightarrow" | "Longleftrightarrow" => '⇔',
        "mid" => '∣',
        "vert" | "lvert" | "rvert" => '|',
        "Vert" | "lVert" | "rVert" | "|" => '‖',
        "lfloor" => '⌊',
        "rfloor" => '⌋',
        "lceil" => '⌈',
        "rceil" => '⌉',
        "lbrace" | "{" => '⦃',
        "rbrace" | "}" => '⦄',
        "lbrack" => '[',
        "rbrack" => ']',
        "lparen" | "lgroup" => '(',
        "rparen" | "rgroup" => ')',
        "langle" => '⟨',
        "rangle" => '⟩',
        "ldots" | "dots" | "cdots" | "dotsc" | "dotsb" | "hdots" => '…',
        "land" | "wedge" => '∧',
        "lor" | "vee" => '∨',
        "colon" => ':',
        "%" | "percent" => '%',
        "permil" | "textperthousand" => '‰',
        _ => return None,
    })
}

/// The meaning of any other command.
fn construct(name: &str) -> Option<Meaning> {
    use Meaning::{Accent, Construct, Currency, Not, NumberSet, OperatorName, Quantity, Symbol};
    Some(match name {
        "operatorname" | "mathopname" => OperatorName,
        "vec" | "hat" | "bar" | "dot" | "ddot" | "tilde" | "widehat" | "widetilde" | "overline"
        | "widebar" | "overrightarrow" | "overleftrightarrow" | "overset" | "mathbb"
        | "mathbbm" | "mathds" | "Bbb" | "mathcal" | "mathfrak" | "mathscr" | "wideparen"
        | "overarc" | "underset" | "stackrel" => Accent,
        "R" | "Z" | "N" | "Q" | "C" => NumberSet,
        "qty" | "SI" => Quantity,
        "not" => Not,
        "textdollar" => Currency("dollar"),
        "euro" | "texteuro" | "EUR" => Currency("euro"),
        "pounds" | "textsterling" | "pound" => Currency("pound"),
        "yen" | "textyen" => Currency("¥"),
        "cent" | "textcent" => Currency("cent"),
        "rupee" => Currency("rupee"),
        "frac" | "dfrac" | "tfrac" | "cfrac" | "nicefrac" | "sfrac" | "xfrac" | "flatfrac" => {
            Construct("frac")
        }
        "sqrt" | "surd" => Construct("sqrt"),
        "binom" | "dbinom" | "tbinom" => Construct("binom"),
        "genfrac" => Construct("genfrac"),
        "underbrace" => Construct("underbrace"),
        "overbrace" => Construct("overbrace"),
        "choose" => Construct("choose"),
        "over" => Construct("over"),
        "root" => Construct("root"),
        "of" => Construct("of"),
        "begin" => Construct("begin"),
        "end" => Construct("end"),
        "sum" => Construct("sum"),
        "prod" => Construct("prod"),
        "int" => Construct("int"),
        "lim" => Construct("lim"),
        "bmod" | "mod" => Construct("mod"),
        "pmod" | "pod" => Construct("pmod"),
        "exponentialE" => Construct("e"), // MathLive's names
        "imaginaryI" => Construct("i"),
        _ => {
            let name = match name {
                "sh" => "sinh",
                "ch" => "cosh",
                "th" => "tanh",
                name => name,
            };
            if let Some(name) = function(name) {
                return Some(Construct(name));
            }
            let is_symbol = is_greek(name) || SYMBOLS.contains(&name);
            return is_symbol.then_some(Symbol);
        }
    })
}

/// Commands that stand for one thing.
const SYMBOLS: [&str; 19] = [
    "Pr",
    "hbar",
    "ell",
    "angle",
    "measuredangle",
    "triangle",
    "partial",
    "nabla",
    "dim",
    "ker",
    "aleph",
    "imath",
    "jmath",
    "dagger",
    "top",
    "intercal",
    "star",
    "wp",
    "infinity",
];
