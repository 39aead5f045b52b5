//! Jobs and schedules: well-formed, each once, and schedules start jobs that exist.

use super::suggest::did_you_mean;
use super::{Declared, shape};
use crate::problem::Problems;
use crate::{Manifest, Modules};

pub(super) fn check(modules: &Modules, problems: &mut Problems) {
    let mut kinds = Declared::default();
    for (name, module) in modules {
        for (i, job) in module.jobs.iter().enumerate() {
            let field = format!("jobs[{i}].kind");
            if !job
                .kind
                .split_once('.')
                .is_some_and(|(first, rest)| first == name && shape::is_snake(rest))
            {
                problems.add(name, &field, format!("\"{}\" is not {name}.{{name}}", job.kind));
            }
            if let Some(first) = kinds.add(&job.kind, name, &field) {
                problems.add(name, &field, format!("is already declared in {first}"));
            }
            let field = format!("jobs[{i}].description");
            shape::check_description(name, &field, &job.description, problems);
            if job.max_attempts == 0 {
                problems.add(name, format!("jobs[{i}].max_attempts"), "must be at least 1");
            }
        }
        check_schedules(name, module, problems);
    }
}

fn check_schedules(name: &str, module: &Manifest, problems: &mut Problems) {
    let mut names = Declared::default();
    let kinds = || module.jobs.iter().map(|job| job.kind.as_str());
    for (i, schedule) in module.schedules.iter().enumerate() {
        let field = format!("schedules[{i}].name");
        if !shape::is_kebab(&schedule.name) {
            problems.add(name, &field, format!("\"{}\" is not lower kebab case", schedule.name));
        }
        if let Some(first) = names.add(&schedule.name, name, &field) {
            problems.add(name, &field, format!("is already declared in {first}"));
        }
        // Only the module's own: a job runs in the function of the module that declares it.
        if !kinds().any(|kind| kind == schedule.job) {
            let hint = did_you_mean(&schedule.job, kinds());
            let message = format!("{name} has no job \"{}\"{hint}", schedule.job);
            problems.add(name, format!("schedules[{i}].job"), message);
        }
        if let Err(message) = check_cron(&schedule.cron) {
            problems.add(name, format!("schedules[{i}].cron"), message);
        }
    }
}

/// Catches slips only; the scheduler has the full grammar.
fn check_cron(cron: &str) -> Result<(), String> {
    let fields = cron.split_whitespace().count();
    if fields != 5 {
        return Err(format!("\"{cron}\" has {fields} fields instead of 5"));
    }
    let is_cron = |c: char| c.is_ascii_alphanumeric() || "*,-/ ".contains(c);
    match cron.chars().find(|c| !is_cron(*c)) {
        Some(odd) => Err(format!("\"{cron}\" has an unexpected '{odd}'")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::problems;

    #[test]
    fn a_kind_begins_with_the_module() {
        for kind in ["sweep", "other.sweep", "notes.sweep.all", "notes.Sweep"] {
            let jobs = format!("jobs: [{{kind: {kind}, description: Sweep}}]");
            assert_eq!(
                problems(&[("notes", &jobs)]),
                [format!(
                    "functions/notes/module.yaml: jobs[0].kind: \"{kind}\" is not notes.{{name}}"
                )]
            );
        }
    }

    #[test]
    fn a_job_is_declared_once() {
        let job = "{kind: notes.sweep, description: Sweep}";
        assert_eq!(
            problems(&[("notes", &format!("jobs: [{job}, {job}]"))]),
            ["functions/notes/module.yaml: jobs[1].kind: is already declared in \
              functions/notes/module.yaml: jobs[0].kind"]
        );
    }

    #[test]
    fn a_job_is_tried_at_least_once() {
        assert_eq!(
            problems(&[("a", "jobs: [{kind: a.b, description: B, max_attempts: 0}]")]),
            ["functions/a/module.yaml: jobs[0].max_attempts: must be at least 1"]
        );
    }

    #[test]
    fn a_schedule_starts_a_job_of_its_module() {
        assert_eq!(
            problems(&[(
                "notes",
                "jobs: [{kind: notes.sweep, description: Sweep}]\n\
                 schedules: [{name: sweep, job: notes.swep, cron: '0 3 * * *'}]",
            )]),
            ["functions/notes/module.yaml: schedules[0].job: notes has no job \"notes.swep\"; \
              did you mean \"notes.sweep\"?"]
        );
    }

    #[test]
    fn a_schedule_has_a_kebab_name_of_its_own() {
        let schedule = "{name: Sweep_all, job: notes.sweep, cron: '0 3 * * *'}";
        let job = "jobs: [{kind: notes.sweep, description: Sweep}]";
        let found = problems(&[("notes", &format!("{job}\nschedules: [{schedule}, {schedule}]"))]);
        assert_eq!(
            found,
            [
                "functions/notes/module.yaml: schedules[0].name: \"Sweep_all\" is not lower kebab case",
                "functions/notes/module.yaml: schedules[1].name: \"Sweep_all\" is not lower kebab case",
                "functions/notes/module.yaml: schedules[1].name: is already declared in \
                 functions/notes/module.yaml: schedules[0].name",
            ]
        );
    }

    #[test]
    fn cron_has_five_fields_of_known_characters() {
        for cron in ["0 3 * * *", "*/15 0-6,12 1 JAN-MAR mon"] {
            assert_eq!(check_cron(cron), Ok(()), "{cron}");
        }
        for cron in ["", "0 3 * *", "0 0 3 * * *", "0 3 * * ;", "@ 3 * * *"] {
            assert!(check_cron(cron).is_err(), "{cron}");
        }
    }
}
