//! What the hand-written templates must say of the manifests.

use std::path::Path;

use contracts::generated::MODULES;

/// As EventBridge Scheduler wants it: six fields, and `?` for whichever day is not meant.
fn expression(cron: &str) -> String {
    let fields: Vec<&str> = cron.split_whitespace().collect();
    let [minute, hour, day, month, weekday] = fields[..] else { panic!("{cron} has five fields") };
    match (day, weekday) {
        (_, "*") => format!("cron({minute} {hour} {day} {month} ? *)"),
        ("*", _) => {
            // Sunday is 0 in the manifest and 1 there: only names mean the same.
            assert!(weekday.chars().all(|c| !c.is_ascii_digit()), "{cron}: name the weekday");
            format!("cron({minute} {hour} ? {month} {} *)", weekday.to_uppercase())
        }
        _ => panic!("{cron}: the scheduler takes a day of the month or of the week, not both"),
    }
}

#[test]
fn every_schedule_of_a_manifest_is_in_the_modules_template() {
    for module in MODULES {
        let path = format!("{}/../infra/{}.yaml", env!("CARGO_MANIFEST_DIR"), module.name);
        for schedule in module.schedules {
            let template = std::fs::read_to_string(Path::new(&path)).expect("the template reads");
            let name = format!("-{}-{}'", module.name, schedule.name);
            let (_, resource) =
                template.split_once(&name).unwrap_or_else(|| panic!("{path} has no ...{name}"));
            let resource = resource.split("\n\n").next().unwrap_or_default();
            let lines = [
                format!("ScheduleExpression: {}", expression(schedule.cron)),
                "ScheduleExpressionTimezone: UTC".to_owned(),
                format!("Input: '{{\"kind\": \"{}\"}}'", schedule.job),
            ];
            for line in lines {
                assert!(resource.contains(&line), "{path}, {}: {line}", schedule.name);
            }
        }
    }
}
