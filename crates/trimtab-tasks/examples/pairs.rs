fn main() {
    let mut golds: Vec<String> = std::io::stdin().lines().map(|l| serde_json::from_str(&l.unwrap()).unwrap()).collect();
    golds.sort(); golds.dedup();
    eprintln!("{}", golds.len());
    let t = std::time::Instant::now();
    let mut n = 0u64;
    for (i, a) in golds.iter().enumerate() {
        for b in &golds[i + 1..] {
            n += 1;
            let there = trimtab_tasks::check(a, b).is_correct();
            if there { println!("{a:?}   {b:?}"); }
            if n % 16 == 0 && there != trimtab_tasks::check(b, a).is_correct() { println!("ASYM {a:?} {b:?}"); }
        }
    }
    eprintln!("{n} pairs, {:?}", t.elapsed());
}
