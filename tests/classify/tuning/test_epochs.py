import re

from classify.tuning.epochs import in_full, state

ROW = {"epoch": 2, "max_epochs": 9, "train_loss": 0.5, "train_acc": 0.75, "valid_loss": 0.625, "valid_acc": 0.7}
ROW |= {"dur": 2.0, "rate": 1234.5, "left": 14.0}


def test_the_state_of_a_net_counts_the_time_of_the_fits_that_follow():
    assert re.findall(r"\d+", state(ROW, 0)) == ["2", "9", "14"]
    assert re.findall(r"\d+", state(ROW, 3)) == ["2", "9", str(14 + 3 * 9 * 2)]


def test_an_epoch_in_full_has_losses_accuracies_rate_and_time_left():
    assert re.findall(r"[\d.,]*\d", in_full(ROW)) == ["2", "9", "0.500", "0.750", "0.625", "0.700", "1,234", "14"]
    assert "validation" not in in_full(ROW | {"valid_loss": None, "valid_acc": None})
