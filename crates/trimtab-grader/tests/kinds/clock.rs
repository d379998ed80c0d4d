//! Times of day and durations.

use super::table;

#[test]
fn times_in_words() {
    table(&[
        ("noon", "12 p.m.", true),
        ("noon", "12 a.m.", false),
        ("midnight", "12:00 am", true),
        ("4 o'clock", "4:00", true),
        ("4:00 p.m.", "four o'clock in the afternoon", true),
        ("4:00 a.m.", "four o'clock in the afternoon", false),
        ("half past nine", "9:30", true),
        ("half past nine", "8:30", false),
        ("quarter past five", "5:15", true),
        ("5:45", "a quarter to six", true),
        ("8:25", "twenty-five past eight", true),
        ("8:25", "twenty-five to eight", false),
        ("17:20", "17h20", true),
    ]);
}

#[test]
fn a_time_is_no_proportion() {
    table(&[
        ("0.2", "4:20", false),
        ("3", "6:02", false),
        ("6", "6:01", false),
        ("4:20", "2:10", false),
        ("4:20", "04:20", true),
        ("2:5", "4:10", true),
        (r"\frac{1}{12}", "1:12", true),
        ("8:6", "4:3", true),
        ("16:40", "2:5", false),
        ("2:5", "16:40", true),
        (r"45\%", "09:20", false),
    ]);
}

#[test]
fn durations() {
    table(&[
        ("1:45", "1 h 45 min", true),
        ("1:45", "105 minutes", true),
        ("1:45", "1.75 hours", true),
        ("1:45", "145 minutes", false),
        ("1:45", "1.45 hours", false),
        ("1:45", "1 minute 45 seconds", true),
        ("210 minutes", "3 and a half hours", true),
        ("210 minutes", "three hours and a half", true),
        ("200 minutes", "3 and a half hours", false),
    ]);
}
