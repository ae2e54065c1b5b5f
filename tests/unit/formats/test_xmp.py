"""Properties of XMP count under the kind of information that they hold."""

import pytest

from photogate.formats.xmp import category_of


@pytest.mark.parametrize(
    ("name", "category"),
    [
        ("xmpRights:WebStatement", "identity"),
        ("mwg-rs:Name", "identity"),
        ("plus:LicensorName", "identity"),
        ("photoshop:CaptionWriter", "identity"),
        ("xmp:Nickname", "identity"),
        ("tiff:Copyright", "identity"),
        ("dc:date", "time"),
        ("exif:UserComment", "comment"),
        ("photoshop:Instructions", "comment"),
        ("tiff:Software", "device"),
        ("acme:Velocity", "other"),
        ("acme:Allocation", "other"),
        ("acme:Statement", "other"),
        ("hdrgm:HDRCapacityMax", "other"),
    ],
)
def test_properties_whose_names_look_like_others_count_as_what_they_are(name, category):
    assert category_of(name.encode()) == category


@pytest.mark.parametrize(
    "name",
    [
        "photoshop:City", "photoshop:State", "photoshop:Country", "Iptc4xmpCore:CiAdrCity", "Iptc4xmpCore:CountryCode",
        "Iptc4xmpCore:Location", "Iptc4xmpExt:LocationShown", "Iptc4xmpExt:ProvinceState", "Iptc4xmpExt:Sublocation",
        "exif:GPSLatitude", "drone-dji:GpsLatitude", "acme:city", "acme:country", "acme:location", "acme:Locations",
    ],
)  # fmt: skip
def test_places_count_as_location(name):
    assert category_of(name.encode()) == "location"


def test_other_fields_of_exif_and_of_regions_count_as_before():
    assert category_of(b"exif:FNumber") == "device"
    assert category_of(b"mwg-rs:Area") == "other"
    assert category_of(b"xmp:CreatorTool") == "device"
    assert category_of(b"dc:description") == "comment"
