//! Every story of kernels once more, with kernels forked from a prepared process; and what is true of these alone.

use std::time::Duration;

use analysis_service::kernels::model::{KernelLimits, Settings};
use fenxi_proto::analysis::v1::{DeathCause, KernelStart, Outcome};

use super::house::{House, fork_kernels, fork_light_kernels, settings, until_kernel};

type Story = (&'static str, fn());

macro_rules! stories {
    ($room:ident: $($story:ident)+) => {
        &[$((stringify!($story), super::$room::$story as fn())),+]
    };
}

const LIFE: &[Story] = stories! { life:
    an_idle_kernel_gives_back_memory tables_are_there_before_the_first_code_and_after_a_restart
    a_table_that_cannot_be_loaded_is_said_and_the_rest_works a_restart_ends_what_runs_and_brings_the_dead_back
    code_sees_nothing_of_the_service children_die_with_their_kernel ten_start_at_once
    an_idle_kernel_is_ended_and_a_working_one_is_not memory_is_published
    a_kernel_that_is_started_again_has_none_of_its_processes_from_before memory_that_processes_share_is_told_once
    code_that_keeps_the_interpreter_to_itself_has_begun what_a_cell_forks_ends_with_the_cell
    an_end_is_told_once_nothing_of_the_kernel_can_speak
};
const DEATHS: &[Story] = stories! { deaths:
    an_exit_and_a_signal_are_told_apart what_was_said_before_a_death_is_kept
    of_much_that_was_said_before_a_death_the_end_is_kept_and_the_rest_counted
    leaving_by_exit_is_an_end_and_then_a_death what_waits_behind_an_exit_ends_with_the_kernel_and_does_not_run
    a_person_interrupts_sleep_loop_and_await
    an_interrupt_that_comes_before_the_code_has_begun_is_not_lost a_time_limit_interrupts_by_itself
    code_that_heeds_no_interrupt_is_killed_and_says_so a_reply_alone_does_not_save_code_that_goes_on
    a_kernel_over_its_memory_limit_is_warned_and_killed
    an_error_cancels_what_waits_unless_told_otherwise deleting_a_kernel_ends_what_runs_and_what_waits
    processor_time_of_children_that_live_at_a_death_counts
    code_that_breaks_its_own_channels_has_an_end what_fills_the_memory_is_interrupted_and_its_variables_stay
};
const REGISTRY: &[Story] = stories! { registry:
    a_foreign_kernel_is_as_unknown_as_none limits_are_said_and_freed_by_an_end the_queue_has_an_end
    a_request_is_carried_out_once a_request_that_comes_twice_at_once_takes_one_place a_refused_request_can_be_tried_again
    a_restart_that_was_noted_and_not_done_is_done_when_it_is_asked_for_again
    a_request_is_seen_to_its_end_though_its_caller_has_gone variables_are_checked_and_made
    the_end_of_the_service_ends_kernels_truthfully_and_their_ids_stay a_start_that_fails_says_why
    what_goes_on_in_the_next_service_is_not_said_to_have_ended
};
const OUTPUT: &[Story] = stories! { output:
    one_and_one a_hundred_thousand_lines_and_twenty_thousand_flushed twenty_megabytes_in_one_display
    every_kind_of_output children_and_native_code_print_too broken_text_and_odd_characters_are_no_end
    input_is_asked_for_and_given a_refused_request_is_refused_to_everyone_who_repeats_it
    a_thread_prints_on_where_someone_looks what_a_thread_prints_between_two_cells_is_in_the_next
    a_chart_with_chinese_text_and_a_plotly_figure help_on_a_name_is_shown errors_that_ipython_only_prints_are_errors
    many_large_buffers_do_not_hold_a_cell_up a_kernel_that_never_stops_talking_is_heard_and_interrupted
    a_reply_that_cannot_be_read_is_an_end_all_the_same a_limit_that_is_reached_after_the_reply_changes_no_outcome
    what_comes_long_after_the_reply_is_kept a_kernel_that_does_not_say_that_it_is_idle_holds_nothing_up
};
const INSPECTION: &[Story] = stories! { inspection:
    what_runs_is_looked_into_and_does_not_notice a_question_waits_until_the_kernel_is_ready
    a_value_that_fails_says_so_and_prints_nothing a_kernel_that_dies_answers_those_who_wait
    a_kernel_that_cannot_answer_holds_nobody_up
};

/// Tells each story of a room; `source` is the room's file, of which none may be missing.
fn tell(stories: &[Story], source: &str) {
    assert_eq!(stories.len(), source.matches("#[tokio::test").count(), "a story is not told for forked kernels");
    let forks = fork_kernels();
    assert_eq!(forks.runtime.block_on(forks.launcher.way()), KernelStart::Forked, "kernels are not forked here");
    for (name, story) in stories {
        let told = std::panic::catch_unwind(story);
        assert!(told.is_ok(), "{name} is not true of forked kernels");
    }
}

#[test]
fn life_is_the_same_for_forked_kernels() {
    tell(LIFE, include_str!("life.rs"));
}

#[test]
fn deaths_are_the_same_for_forked_kernels() {
    tell(DEATHS, include_str!("deaths.rs"));
}

#[test]
fn the_registry_is_the_same_for_forked_kernels() {
    tell(REGISTRY, include_str!("registry.rs"));
}

#[test]
fn output_is_the_same_for_forked_kernels() {
    tell(OUTPUT, include_str!("output.rs"));
}

#[test]
fn inspection_is_the_same_for_forked_kernels() {
    tell(INSPECTION, include_str!("inspection.rs"));
}

#[tokio::test]
async fn a_kernel_says_how_it_came_to_be_and_what_keeps_it_apart() {
    fork_light_kernels().await;
    let house = House::new().await;
    let kernel = house.kernel().await;
    house.run(&kernel, "1").await;
    let kernel = kernel.snapshot();
    assert_eq!(kernel.start, KernelStart::Forked);
    let layers = &kernel.isolation.as_ref().expect("layers").layers;
    assert!(["seccomp", "capabilities"].iter().all(|layer| layers.iter().any(|held| held == layer)), "{layers:?}");
}

#[tokio::test]
async fn memory_above_a_hard_limit_ends_the_kernel_at_once_and_is_the_cause() {
    fork_light_kernels().await;
    let limits = KernelLimits { memory_bytes: Some(512 << 20), ..settings().limits };
    // No sample comes in between.
    let house = House::with(Settings { limits, sample_interval: Duration::from_secs(600), ..settings() }).await;
    let kernel = house.kernel().await;
    house.run(&kernel, "1").await;
    let layers = kernel.snapshot().isolation.clone().expect("layers").layers;
    if !layers.iter().any(|layer| layer == "cgroup") {
        // This machine hands out no control groups: its limit is a soft one, told as such and tested in `deaths`.
        return;
    }
    let ran = house.run(&kernel, "x = b'1' * (1 << 30)").await;
    assert_eq!(ran.outcome(), Outcome::Killed);
    let death = ran.end.death.expect("a death");
    assert_eq!((death.cause(), death.signal), (DeathCause::Memory, 9));
    assert!(death.detail.contains("512 MiB"), "{}", death.detail);
}

#[tokio::test]
async fn files_in_memory_are_memory_and_what_writes_them_is_interrupted() {
    fork_light_kernels().await;
    let limits = KernelLimits { memory_bytes: Some(1 << 30), ..settings().limits };
    let house = House::with(Settings { limits, ..settings() }).await;
    let kernel = house.kernel().await;
    house.run(&kernel, "1").await;
    let layers = kernel.snapshot().isolation.clone().expect("layers").layers;
    if !["cgroup", "mount"].iter().all(|wanted| layers.iter().any(|layer| layer == wanted)) {
        // Without both, nothing on this machine counts its files as memory.
        return;
    }
    // Near the limit it is so slow that a guard who is slow, too, sees it there.
    let code = "
import os, time
most = bytearray(b'x') * (500 << 20)
with open('/tmp/full', 'wb') as file:
    for _ in range(300): file.write(b'x' * (1 << 20))
    while True:
        file.write(b'x' * (1 << 20))
        time.sleep(0.05)";
    let ran = house.run(&kernel, code).await;
    assert_eq!(ran.outcome(), Outcome::Interrupted, "{:?}", ran.end);
    let size = house.printed(&kernel, "print(os.stat('/tmp/full').st_size >> 20)\nos.remove('/tmp/full')").await;
    assert!(size.trim().parse::<u32>().expect("a number") > 100, "{size}");
}

#[tokio::test]
async fn memory_that_processes_share_counts_once() {
    tokio::task::spawn_blocking(fork_kernels).await.expect("forks");
    let limits = KernelLimits { memory_bytes: Some(512 << 20), ..settings().limits };
    let house = House::with(Settings { limits, ..settings() }).await;
    let kernel = house.kernel().await;
    house.run(&kernel, "1").await;
    // Ten processes with the libraries and 150 MiB, all of it the same pages.
    let code = "
import os, time
x = b'1' * (150 << 20)
made = []
for _ in range(10):
    pid = os.fork()
    if pid == 0:
        time.sleep(2)
        os._exit(0)
    made.append(pid)
for pid in made: os.waitpid(pid, 0)";
    let ran = house.run(&kernel, code).await;
    assert_eq!(ran.outcome(), Outcome::Ok, "{:?}", ran.end.death);
}

#[tokio::test]
async fn memory_that_is_shared_with_other_kernels_is_told_apart() {
    tokio::task::spawn_blocking(fork_kernels).await.expect("forks");
    let house = House::new().await;
    let kernel = house.kernel().await;
    house.run(&kernel, "x = bytearray(b'1' * (64 << 20))").await;
    let told = until_kernel(&kernel, |kernel| kernel.held_bytes > 64 << 20).await;
    // What the libraries take is more than what a fork of them changes.
    assert!(told.held_bytes < told.memory_bytes - (50 << 20), "{} of {}", told.held_bytes, told.memory_bytes);
}

#[tokio::test]
async fn modules_that_are_named_are_loaded_already() {
    fork_light_kernels().await;
    let house = House::new().await;
    let kernel = house.kernel().await;
    let code = "import sys; print([name in sys.modules for name in ('wave', 'not_there')])";
    assert_eq!(house.printed(&kernel, code).await, "[True, False]\n");
}
