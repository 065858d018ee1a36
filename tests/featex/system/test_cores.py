import threading
import time

import joblib
import pytest
import torch

from featex.system import cores
from featex.system.cores import FEW_ROWS, batched, in_order, one_core_each, threads_for


@pytest.mark.parametrize(("n_rows", "alone"), [(FEW_ROWS - 1, True), (FEW_ROWS, False)])
def test_few_rows_start_no_threads(n_rows, alone):
    with threads_for(n_rows):
        began = joblib.Parallel(n_jobs=2, prefer="threads")(joblib.delayed(threading.get_ident)() for _ in range(4))
    assert (set(began) == {threading.get_ident()}) is alone


def test_torch_computes_on_one_thread_in_the_pool_and_as_before_outside():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with one_core_each(3) as pool:
            assert {pool.submit(torch.get_num_threads).result() for _ in range(9)} == {1}
        assert torch.get_num_threads() == 2
        with pytest.raises(ZeroDivisionError), one_core_each(1):
            raise ZeroDivisionError
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_work_that_has_not_begun_is_never_begun_after_an_error():
    begun = []

    def fail():
        with one_core_each(1) as pool:
            for number in range(50):
                pool.submit(lambda number=number: (begun.append(number), time.sleep(0.02)))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert len(begun) < 10


def test_results_come_in_order_and_are_not_computed_far_ahead():
    begun = []

    def square(x):
        begun.append(x)
        time.sleep(0.002 * (x % 3))
        return x * x

    with one_core_each(3) as pool:
        results = in_order(pool, square, range(40), ahead=5)
        for number, result in enumerate(results):
            assert result == number**2
            assert len(begun) <= number + 1 + 5


def test_what_a_call_raises_is_raised_in_its_turn():
    results = []
    with pytest.raises(ZeroDivisionError), one_core_each(2) as pool:
        results.extend(in_order(pool, lambda x: 1 / x, [1, 2, 0, 4], ahead=4))
    assert results == [1, 0.5]


@pytest.mark.parametrize(("n", "sizes"), [(0, []), (1, [1]), (4, [4]), (10, [4, 4, 2])])
def test_batches_hold_every_item_in_order(n, sizes):
    batches = list(batched(range(n), 4))
    assert [len(batch) for batch in batches] == sizes
    assert [item for batch in batches for item in batch] == list(range(n))


@pytest.mark.parametrize(
    ("groups", "limits", "least"),
    [
        ("0::/pod/app", {"pod/app/memory.max": "max", "pod/memory.max": "1000\n", "memory.max": "2000"}, 1000),
        ("0::/pod/app", {"pod/app/memory.max": "max", "memory.max": "2000"}, 2000),
        (
            "5:cpu,cpuacct:/a\n4:memory:/docker/x\n",
            {"memory/docker/x/memory.limit_in_bytes": "3000", "memory/a/memory.limit_in_bytes": "1"},
            3000,
        ),
    ],
)
def test_the_least_limit_of_a_group_and_of_all_above_it_is_the_memory(tmp_path, groups, limits, least):
    for name, text in {
        "proc/self/cgroup": groups,
        **{f"sys/fs/cgroup/{path}": limits[path] for path in limits},
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert cores.ram_bytes(tmp_path) == least
