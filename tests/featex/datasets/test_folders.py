import pytest

from featex.datasets.folders import read, walk
from featex.errors import InputError, UsageError


def tree(text):
    """Return the folders of a text: "train/{a,b}/x test" is train/a/x, train/b/x and test."""
    folders = []
    for word in text.split():
        found = [""]
        for piece in word.replace("{", "\0").replace("}", "\0").split("\0"):
            choices = piece.split(",") if word.count("{") and f"{{{piece}}}" in word else [piece]
            found = [start + choice for start in found for choice in choices]
        folders += found
    return [
        tuple(part.replace("_B_", " ") for part in folder.split("/")) if folder != "." else () for folder in folders
    ]


def reading(text, layout=None):
    """Return for each folder "split:label:source"."""
    folders = tree(text)
    places = read(folders, [10] * len(folders), "/data/DIR", layout)
    return {"/".join(folder): place for folder, place in zip(folders, places, strict=True)}


def sets_and_classes(text, layout=None):
    """Return {split: sorted labels} with "" for images without a label."""
    found = {}
    for label, split, _ in reading(text, layout).values():
        found.setdefault(split, set()).add(label)
    return {split: sorted(labels) for split, labels in found.items()}


READ = {
    # sets in their many spellings
    "CIFAKE": ("{train,test}/{REAL,FAKE}", "train test: FAKE REAL"),
    "capitals": ("{TRAIN,VALID,Testing}/{a,b}", "train val test: a b"),
    "years": ("{train2017,val2017,test2017}/{a,b}", "train val test: a b"),
    "prefix": ("{dataset_train,dataset_test}/{a,b}", "train test: a b"),
    "a prefix of its own": ("{cifar10_train,cifar10_test}/{a,b}", "train test: a b"),
    "suffix": ("{train-images,test-images}/{a,b}", "train test: a b"),
    "camel case": ("{TrainSet,TestSet}/{a,b}", "train test: a b"),
    "blanks": ("{Training_B_Set,Test_B_Set}/{a,b}", "train test: a b"),
    "held out": ("{train,held-out}/{a,b}", "train test: a b"),
    "trainval": ("{trainval,test}/{a,b}", "train test: a b"),
    # wrappers
    "Intel's scenes": (
        "seg_train/seg_train/{a,b} seg_test/seg_test/{a,b} seg_pred/seg_pred",
        "train test: a b; seg_pred: -",
    ),
    "a set twice": ("training_set/training_set/{a,b} test_set/test_set/{a,b}", "train test: a b"),
    "one set twice": ("training_set/training_set/{a,b} test_set/{a,b}", "train test: a b"),
    "images inside a set": ("{train,val}/images/{a,b}", "train val: a b"),
    "sets inside images": ("images/{train,val}/{a,b}", "train val: a b"),
    "a name inside each set": ("train/pets/{a,b} test/pets/{a,b}", "train test: a b"),
    "data twice": ("data/data/{train,test}/{a,b}", "train test: a b"),
    "dataset twice": ("dataset/DATASET/{TRAIN,TEST}/{a,b}", "train test: a b"),
    "archive": ("archive/{a,b}", "-: a b"),
    "a lone set": ("train/a", "train: a"),
    "a lone class": ("cats", "-: cats"),
    "a class beside images": ("more/deep .", "-: - more"),
    "a folder twice in each class": ("AiArtData/AiArtData RealArt/RealArt", "-: AiArtData RealArt"),
    "a set's name around sets": ("test_data/{train,test}/{a,b}", "train test: a b"),
    "a name with a set in it around classes": ("my_test_project/{a,b}", "-: a b"),
    "train-test-split around sets": ("train_test_split/{train,test}/{a,b}", "train test: a b"),
    # images without a class
    "Tiny ImageNet": ("train/{n00,n01}/images val/images test/images", "train: n00 n01; val test: -"),
    "unsorted test": ("train/{a,b} test", "train: a b; test: -"),
    "a folder for unsorted": ("train/{a,b} test/all", "train: a b; test: -"),
    "sets without classes": ("{train,test}", "train test: -"),
    "images alone": (".", "-: -"),
    "parts": ("images/{part-000001,part-000002,part-000003}", "-: -"),
    # sets and classes in one name
    "compound": ("{train_real,train_fake,test_real,test_fake}", "train test: fake real"),
    "compound, turned": ("{real_train,fake_train,real_test,fake_test}", "train test: fake real"),
    "compound of one set": ("real_and_fake_face/{training_fake,training_real}", "train: fake real"),
    "compound with sources": ("{train_real,test_real}/coco {train_fake,test_fake}/sd", "train test: fake real"),
    "compound beside a plain set": ("{train_real,train_fake} test", "train: fake real; test: -"),
    "CycleGAN": ("{trainA,trainB,testA,testB}", "train test: A B"),
    # sets that are not plain
    "copies of training images": ("{train,test,train_augmented}/{a,b}", "train test: a b"),
    "altered images": ("{train,test,augmented}/{a,b}", "train test: a b"),
    "cross-validation": ("{cross_val_1,cross_val_2}/{a,b}", "-: a b"),
    "parts of a training set": ("{train_part1,train_part2,test}/{a,b}", "train test: a b"),
    "parts of a training set without classes": ("{dfdc_train_part_0,dfdc_train_part_1}", "train: -"),
    "parts of two sets": ("{train_part1,train_part2,test_part1}", "train test: -"),
    "numbered classes in names of sets": (
        "{train_class1,train_class2,test_class1,test_class2}",
        "train test: class1 class2",
    ),
    "several test sets": ("{train,test,test_blurred}/{a,b}", "train test test_blurred: a b"),
    "a custom set": ("{train,test,wild}/{a,b}", "train test wild: a b"),
    "folds": ("{fold_0,fold_1,fold_2}/{a,b}", "-: a b"),
    "folds and a test set": ("{fold1,fold2,test}/{a,b}", "train test: a b"),
    # classes that are called like sets
    "bus, car, train": ("{bus,car,train}", "-: bus car train"),
    "bus, car, train in sets": ("{train,test}/{bus,car,train}", "train test: bus car train"),
    "stations": ("{train_station,bus_station,street}", "-: bus_station street train_station"),
    "vehicles with deeper folders": ("bus/{x,y} car/z train", "-: bus car train"),
    # real and generated at another level
    "ForenSynths": ("{train,val,test}/{airplane,cat}/{0_real,1_fake}", "train val test: 0_real 1_fake"),
    "ForenSynths of one category": (
        "train/car/{0_real,1_fake} test/{biggan,crn}/{0_real,1_fake}",
        "train test: 0_real 1_fake",
    ),
    "UniversalFakeDetect": (
        "test/{biggan,crn}/{0_real,1_fake} test/cyclegan/{apple,horse}/{0_real,1_fake}",
        "test: 0_real 1_fake",
    ),
    "generators without sets": ("{biggan,crn}/{real,fake}", "-: fake real"),
    "generators of fakes alone": ("{biggan,crn}/1_fake coco/0_real", "-: 0_real 1_fake"),
    "real and fake with images below": ("{biggan,crn}/{real,fake}/images", "-: fake real"),
    "GenImage": (
        "ADM/imagenet_ai_0508_adm/{train,val}/{ai,nature} BigGAN/imagenet_ai_0419_biggan/{train,val}/{ai,nature}",
        "train val: ai nature",
    ),
    "GenImage's one generator": ("imagenet_ai_0508_adm/{train,val}/{ai,nature}", "train val: ai nature"),
    "GenImage, one folder less": ("{ADM,glide}/{train,val}/{ai,nature}", "train val: ai nature"),
    "sets below classes": ("{real,fake}/{train,test}", "train test: fake real"),
    "sets below any classes": ("{a,b}/{train,test}", "train test: a b"),
    "sets below classes below generators": ("{sd,mj}/{real,fake}/{train,test}", "train test: fake real"),
    "FaceForensics": (
        "original_sequences/youtube/c23/frames/{000,001} "
        "manipulated_sequences/{Deepfakes,Face2Face}/c23/frames/{000_003,001_870}",
        "-: manipulated_sequences original_sequences",
    ),
    "videos that share their numbers": ("{real,fake}/{000,001}", "-: fake real"),
    "videos of other classes": ("{a,b}/{000,001,002}", "-: a b"),
    "styles below real and generated": ("{train,test}/{real,ai}/{baroque,cubism}", "train test: ai real"),
    "shards below classes": ("real/{part-1,part-2} fake/{part-1,part-2}", "-: fake real"),
    "a wrapper that is called like a class": ("deepfake-dataset/{real,fake}", "-: fake real"),
    "one class alone is not stepped into": ("real/{coco,laion}", "-: real"),
    "sources of their own below classes": ("real/{coco,laion} ai/{sd,mj}", "-: ai real"),
    "a custom set without classes": ("{train,test}/{a,b} results", "train test: a b; results: -"),
    "faces with and without a mask": ("{train,test}/{mask,no_mask}", "train test: mask no_mask"),
    "sites that differ between sets": ("train/siteA/{a,b} test/siteB/{a,b}", "train test: a b"),
    "ArtBench": (
        "{train,test}/{baroque,AI_LD_baroque,AI_SD_baroque}",
        "train test: AI_LD_baroque AI_SD_baroque baroque",
    ),
}


@pytest.mark.parametrize(("text", "expected"), READ.values(), ids=READ)
def test_layouts_that_people_have_are_read_as_meant(text, expected):
    sets = {}
    for group in expected.split("; "):  # "train test: a b": "-" stands for no set, or for images without a label
        splits, labels = ([word.strip("-") for word in part.split()] for part in group.split(": "))
        sets |= dict.fromkeys(splits, labels)
    assert sets_and_classes(text) == sets


ASKED = {
    "categories over unknown classes": ("{train,test}/{airplane,cat}/{x,y}", ["set/class", "set/source/class"]),
    "categories over 0 and 1": ("{airplane,cat}/{0,1}", ["class", "source/class"]),
    "styles below one known class": ("{real,midjourney}/{baroque,cubism}", ["class", "source/class"]),
    "places below animals": ("{cats,dogs}/{indoor,outdoor}", ["class", "source/class"]),
    "two names for one thing": ("{real,fake}/{original,ai}", ["class", "source/class"]),
    "most share": ("airplane/{x,y} cat/{x,y} dog/{x,y,z}", ["class", "source/class"]),
    "uneven depth": ("biggan/{x,y} cyclegan/{apple,horse}/{x,y}", ["class", "**/class"]),
}


@pytest.mark.parametrize(("text", "layouts"), ASKED.values(), ids=ASKED)
def test_where_two_readings_are_possible_both_are_shown_with_counts_and_each_can_be_chosen(text, layouts):
    with pytest.raises(InputError) as question:
        reading(text)
    for layout in layouts:
        assert f"--layout '{layout}'" in str(question.value)
        assert len({label for label, _, _ in reading(text, layout).values()} - {""}) >= 2
    assert "(20)" in str(question.value) or "(40)" in str(question.value) or "(30)" in str(question.value)


REFUSED = {
    "a whole copy inside": (
        "{train,test,val,chest_xray/train,chest_xray/test,chest_xray/val}/{NORMAL,PNEUMONIA}",
        "chest_xray",
    ),
    "a copy of the training set alone": ("{train,test}/{a,b} copy/train/{a,b}", "copy"),
    "a copy of the classes": ("{a,b,dataset/a,dataset/b}", "DIR/dataset"),
    "a copy inside a set": ("train/{a,b,train/a,train/b} test/{a,b}", "train/train"),
    "other data sets": ("cifake/train/{REAL,FAKE} genimage/train/{a,b}", "cifake, genimage"),
    "data sets of the same classes": ("{v1,v2}/{train,test}/{a,b}", "v1, v2"),
    "whole folds": ("{fold_0,fold_1}/{train,val}/{real,fake}", "fold_0, fold_1"),
    "sets in a set": ("training_set/{train,val}/{a,b} test_set/{a,b}", "train, val"),
    "an unsorted test set beside classes": ("{cats,dogs,test}", "test"),
    "an unsorted training set beside classes": ("{real,fake,train}", "train"),
    "sample images beside sets without classes": ("{train_images,test_images,sample_images}", "--layout set"),
    "years of one data set": ("{2021,2022}/{train,test}/{a,b}", "2021, 2022"),
    "a copy of one folder that holds it all": (
        "faces/{training_fake,training_real} faces_detection/faces/{training_fake,training_real}",
        "faces_detection",
    ),
    "images without labels beside classes": ("train/{a,b,unlabeled} test/{a,b}", "unlabeled"),
    "masks beside classes": ("{Au,Tp,CASIA_B_2_B_Groundtruth}", "CASIA 2 Groundtruth"),
    "masks beside sets": ("train/good {test,ground_truth}/{good,broken}", "ground_truth"),
    "figures of a page beside classes": ("{real,fake} docs/figures", "docs"),
    "masks in each set": ("{train,test}/{images,masks}", "images, masks"),
    "masks beside images": ("{images,masks}", "images, masks"),
}


@pytest.mark.parametrize(("text", "name"), REFUSED.values(), ids=REFUSED)
def test_what_would_be_misread_is_refused_by_name(text, name):
    with pytest.raises(InputError) as refusal:
        reading(text)
    assert name in str(refusal.value)
    assert "/data/DIR" in str(refusal.value)


@pytest.mark.parametrize(
    ("text", "folder", "source"),
    [
        ("train/{airplane,cat}/{0_real,1_fake}", "train/cat/1_fake", "cat"),
        ("{ADM,glide}/imagenet_ai/{train,val}/{ai,nature}", "ADM/imagenet_ai/train/ai", "ADM"),
        ("{real,ai}/{x,y} wild/{x,y}", "ai/x", "ai/x"),
        (
            "test/crn/{0_real,1_fake} test/cyclegan/{apple,horse}/{0_real,1_fake}",
            "test/cyclegan/apple/1_fake",
            "cyclegan/apple",
        ),
        ("{fold_0,fold_1}/{a,b}", "fold_1/a", "fold_1"),
        ("{train,test}/{real/coco,real/laion,fake/sd}", "train/real/laion", "real/laion"),
        ("{part-1,part-2}", "part-2", "part-2"),
    ],
)
def test_the_level_above_classes_and_all_levels_below_are_the_source(text, folder, source):
    assert reading(text)[folder][2] == source


@pytest.mark.parametrize(
    ("text", "layout", "folder", "place"),
    [
        ("{train,test}/{airplane,cat}/{x,y}", "set/source/class", "test/cat/x", ("x", "test", "cat")),
        ("{train,test}/{airplane,cat}/{x,y}", "set/class", "test/cat/x", ("cat", "test", "cat/x")),
        ("{train,test}/{airplane,cat}/{x,y}", "set/class/source", "test/cat/x", ("cat", "test", "x")),
        ("{a,b}/{train,test}", "class/set", "a/train", ("a", "train", "a")),
        ("{v1,v2}/{train,test}/{a,b}", "source/set/class", "v1/test/b", ("b", "test", "v1")),
        ("{v1,v2}/{train,test}/{a,b}", "*/set/class", "v1/test/b", ("b", "test", "")),
        ("biggan/{x,y} cyclegan/{apple,horse}/{x,y}", "**/class", "cyclegan/horse/y", ("y", "", "cyclegan/horse")),
        ("{cats,dogs,test}", "class", "test", ("test", "", "test")),
        ("{train_real,test_fake}", "set_class", "test_fake", ("fake", "test", "fake")),
        ("archive/{a,b}/{x,y}", "class/source", "archive/a/y", ("a", "", "y")),
        ("train/{a,b}/{x,y}", "set/class", "train/b/y", ("b", "train", "b/y")),
        ("{morning,evening}/{a,b}", "set/class", "evening/b", ("b", "evening", "b")),
    ],
)
def test_a_layout_says_what_each_level_is(text, layout, folder, place):
    assert reading(text, layout)[folder] == place


@pytest.mark.parametrize("layout", ["class/kind", "", "set/class/class", "set_class/class", "set/source/source/class"])
def test_a_layout_that_says_nothing_usable_is_refused(layout):
    with pytest.raises(InputError, match="layout"):
        reading("{train,test}/{a,b}", layout)


def test_names_are_one_whatever_the_form_of_their_accents_and_blanks_around_them():
    places = reading("{train,test}/the train/caf\u00e9 test/cafe\u0301 test/the_B_")
    assert {label for label, _, _ in places.values()} == {"the", "caf\u00e9"}


def test_a_folder_that_does_not_exist_is_a_wrong_call(tmp_path):
    with pytest.raises(UsageError, match=r"'.*nowhere' does not exist"):
        walk(tmp_path / "nowhere")
