import subprocess
import sys

import pytest

import classify
import featex
import pipelines


@pytest.mark.parametrize("package", [featex, classify, pipelines], ids=lambda package: package.__name__)
def test_every_public_name_is_there_and_another_one_is_not(package):
    assert all(getattr(package, name) for name in package.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = package.nonsense


def test_importing_the_packages_imports_nothing_heavy():
    heavy = "{'torch', 'numpy', 'pandas', 'sklearn', 'matplotlib', 'click'}"
    script = f"import sys, featex, classify, pipelines; sys.exit(bool({heavy} & set(sys.modules)))"
    subprocess.run([sys.executable, "-c", script], check=True)
