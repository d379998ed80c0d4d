//! Names of answers: what may be left out, and what must be the same.

use super::table;

#[test]
fn a_name_may_be_left_out() {
    table(&[
        ("11:21", "V_1:V_2=11:21", true),
        ("V_1:V_2=11:21", "11:21", true),
        ("11:21", "V_1:V_2=21:11", false),
        (r"\frac{11}{21}", r"\frac{V_1}{V_2}=\frac{11}{21}", true),
        (r"P(X=2)=\frac{3}{8}", r"\frac38", true),
        (r"P(X=2)=\frac{3}{8}", "2", false),
        (r"P(A \cap B) = 0.3", r"\frac{3}{10}", true),
        (r"\frac{3}{8}", r"P(X \ge 2) = \frac38", true),
        ("(3,-1)", "A(3,-1)", true),
        ("A(3,-1)", "(3,-1)", true),
        ("A(3,-1)", "(-1,3)", false),
        ("A(1,2), B(3,4)", "A(3,4), B(1,2)", false),
        ("A(1,2), B(3,4)", "B(3,4), A(1,2)", true),
        ("5", "a + b = 5", true),
        ("5", "2x = 5", false),
        ("5", "x^2 = 5", false),
        ("x + y = 5", "5", false),
        ("2", r"\tan\theta = 2", true),
        ("5", "AB = 5", true),
        ("5", r"\text{Area} = 5", true),
        (r"30^\circ", r"\angle ABC = 30^\circ", true),
        ("3, 5, 7", "n = 3, 5, 7", true),
        ("3, 5, 7", "n = 1, 3, 5", false),
        (r"\{1, 2\}", r"x \in \{1, 2\}", true),
    ]);
}

#[test]
fn tuples_may_have_names() {
    table(&[
        ("1,2,3", "(x,y,z)=(1,2,3)", true),
        ("(x,y,z)=(1,2,3)", "1,2,3", true),
        ("(x,y,z)=(1,2,3)", "3,2,1", false),
        ("(x,y,z)=(1,2,3)", "1,2", false),
        ("(a,b,c) = (1,-2,3)", "c=3, a=1, b=-2", true),
        ("(a,b,c) = (1,-2,3)", "a=1, b=-2, c=-3", false),
        ("(a,b,c) = (1,-2,3)", "a=1, b=3, c=-2", false),
        ("(a,b)=(1,2)", "(1,2)", true),
        ("(1,2)", "x=1, y=2", true),
        ("(1,2)", "y=2, x=1", true),
        ("(2,1)", "y=2, x=1", false),
        ("(3,4,5)", r"a=3,\ b=4,\ c=5", true),
        ("(3,2)", "m=3, b=2", true),
        ("x = 3, y = -2", "(-2,3)", false),
    ]);
}

#[test]
fn bound_names_may_differ() {
    table(&[
        ("p(x)=x^2-1", "p(t)=t^2-1", true),
        ("p(x)=x^2-1", "p(t)=x^2-1", false),
        ("p(x)=x^2-1", "q(x)=x^2-1", false),
        ("f(x)=ax", "f(a)=ax", false),
        ("f(x)=ax", "f(t)=at", true),
        ("f(x,y)=x-y", "f(a,b)=a-b", true),
        ("f(x,y)=x-y", "f(y,x)=x-y", false),
        ("f(x,y)=x-y", "f(y,x)=y-x", true),
        ("y=2x", "f(x)=2x", true),
        ("y=2x", "f(t)=2x", false),
        ("x=5", "y=5", false),
        ("r = 2", "f(x) = 2", false),
    ]);
}

#[test]
fn congruent_figures_have_an_order() {
    table(&[
        (
            r"\triangle ABC \cong \triangle DEF",
            r"$\triangle ABC\cong\triangle DEF$",
            true,
        ),
        (
            r"\triangle ABC \cong \triangle DEF",
            r"\triangle ABC\cong\triangle DFE",
            false,
        ),
    ]);
}

#[test]
fn names_in_another_order_or_font() {
    table(&[
        ("(u,v)=(3,4)", "(v,u)=(4,3)", true),
        ("(u,v)=(3,4)", "(v,u)=(3,4)", false),
        ("t_1=5, t_2=-1", "t=-1, t=5", true),
        ("t_1=5, t_2=-1", "t=-1, t=6", false),
        ("PQ:QR=2:5", "QR:PQ=5:2", true),
        ("PQ:QR=2:5", "QR:PQ=2:5", false),
        ("E(Y)=2.5", r"\mathbb{E}[Y]=\frac52", true),
        ("E(Y)=2.5", r"\mathbb{E}[Z]=\frac52", false),
        ("O(n^2)", r"\mathcal{O}(n^2)", true),
        ("O(n^2)", r"\mathcal{O}(n^3)", false),
        (r"\max=9, \min=2", r"\min=2, \max=9", true),
        (r"\max=9, \min=2", r"\min=9, \max=2", false),
        (r"\overline{w}", r"\bar{w}", true),
        ("t^2", "t^2 = t", false),
        ("(-6,6)", "t=-6, t=6", false),
        (r"\binom{m}{j}_q", r"{m \choose j}_q", true),
        (r"\binom{m}{j}_q", r"\binom{m}{j}", false),
    ]);
}
