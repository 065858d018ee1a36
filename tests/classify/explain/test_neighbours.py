import numpy as np

from classify.explain.neighbours import nearest, neighbours


def test_the_nearest_are_found_in_standardised_features(make_features):
    features = make_features()
    train = np.arange(30)
    features.X[30:40] = features.X[:10]
    features.X[30:40, 0] += 1e-4
    paths = features.rows["path"].tolist()
    found = neighbours(features, train, paths[30:40], k=2)
    assert found["rank"].tolist() == [0, 1] * 10
    nearest = found[found["rank"] == 0]
    assert nearest["path"].tolist() == paths[30:40]
    assert nearest["neighbour"].tolist() == paths[:10]
    assert nearest["label"].tolist() == features.rows["label"].tolist()[:10]
    assert (found.groupby("path")["distance"].diff().dropna() >= 0).all()


def test_scale_of_a_column_does_not_matter(make_features):
    features = make_features()
    train, paths = np.arange(30), features.rows["path"].tolist()[30:]
    before = neighbours(features, train, paths)
    features.X[:, 0] *= 1000
    assert neighbours(features, train, paths)["neighbour"].tolist() == before["neighbour"].tolist()


def test_an_image_is_never_its_own_neighbour_and_unknown_ones_are_left_out(make_features):
    features = make_features()
    path = features.rows["path"].iloc[0]
    found = neighbours(features, np.arange(20), [path, "nowhere.jpg"], k=3)
    assert len(found) == 3
    assert path not in set(found["neighbour"])
    assert neighbours(features, np.arange(20), ["nowhere.jpg"]).empty


def test_nearest_is_by_direction_from_the_mean_and_takes_all_there_are():
    X = np.array([[3.0, 0], [-3, 0], [0, 3], [0, -3]])
    distances, numbers = nearest(X, np.array([[0.1, 0.01], [0, -50]]), k=9)
    assert numbers[0].tolist()[0] == 0
    assert numbers[0].tolist()[-1] == 1
    assert numbers[1].tolist()[0] == 3
    np.testing.assert_allclose(distances[1][[0, -1]], [0, 2], atol=1e-9)
    assert numbers.shape == (2, 4)
