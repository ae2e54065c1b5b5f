"""Names that the standards register, for what `inspect` meets: numbers of tags and records, and property names.

What is not in these tables is shown as "unregistered": a name that somebody chose can be as personal as a value.
"""

from __future__ import annotations

__all__ = ["EXIF", "GPS", "ICC", "IIM", "INTEROP", "JUMBF", "KEYWORDS", "RESOURCES", "TIFF", "XMP"]

# TIFF 6.0, its supplements, and what Windows and Adobe registered with Adobe.
TIFF = {
    254: "NewSubfileType", 255: "SubfileType", 256: "ImageWidth", 257: "ImageLength", 258: "BitsPerSample",
    259: "Compression", 262: "PhotometricInterpretation", 263: "Threshholding", 264: "CellWidth", 265: "CellLength",
    266: "FillOrder", 269: "DocumentName", 270: "ImageDescription", 271: "Make", 272: "Model", 273: "StripOffsets",
    274: "Orientation", 277: "SamplesPerPixel", 278: "RowsPerStrip", 279: "StripByteCounts", 280: "MinSampleValue",
    281: "MaxSampleValue", 282: "XResolution", 283: "YResolution", 284: "PlanarConfiguration", 285: "PageName",
    286: "XPosition", 287: "YPosition", 288: "FreeOffsets", 289: "FreeByteCounts", 290: "GrayResponseUnit",
    291: "GrayResponseCurve", 292: "T4Options", 293: "T6Options", 296: "ResolutionUnit", 297: "PageNumber",
    301: "TransferFunction", 305: "Software", 306: "DateTime", 315: "Artist", 316: "HostComputer", 317: "Predictor",
    318: "WhitePoint", 319: "PrimaryChromaticities", 320: "ColorMap", 321: "HalftoneHints", 322: "TileWidth",
    323: "TileLength", 324: "TileOffsets", 325: "TileByteCounts", 330: "SubIFDs", 332: "InkSet", 333: "InkNames",
    334: "NumberOfInks", 336: "DotRange", 337: "TargetPrinter", 338: "ExtraSamples", 339: "SampleFormat",
    340: "SMinSampleValue", 341: "SMaxSampleValue", 347: "JPEGTables", 512: "JPEGProc", 513: "JPEGInterchangeFormat",
    514: "JPEGInterchangeFormatLength", 515: "JPEGRestartInterval", 519: "JPEGQTables", 520: "JPEGDCTables",
    521: "JPEGACTables", 529: "YCbCrCoefficients", 530: "YCbCrSubSampling", 531: "YCbCrPositioning",
    532: "ReferenceBlackWhite", 700: "XMP", 18246: "Rating", 18249: "RatingPercent", 33432: "Copyright",
    33550: "ModelPixelScale", 33723: "IPTC", 33922: "ModelTiepoint", 34264: "ModelTransformation", 34377: "Photoshop",
    34665: "Exif IFD", 34675: "ICC profile", 34735: "GeoKeyDirectory", 34736: "GeoDoubleParams",
    34737: "GeoAsciiParams", 34853: "GPS IFD", 37724: "ImageSourceData", 40091: "XPTitle", 40092: "XPComment",
    40093: "XPAuthor", 40094: "XPKeywords", 40095: "XPSubject", 42112: "GDAL_METADATA", 42113: "GDAL_NODATA",
    50341: "PrintImageMatching", 50706: "DNGVersion", 59932: "Padding",
}  # fmt: skip

# CIPA DC-008 (Exif 3.0), tables of the Exif IFD.
EXIF = {
    33434: "ExposureTime", 33437: "FNumber", 34850: "ExposureProgram", 34852: "SpectralSensitivity",
    34855: "PhotographicSensitivity", 34856: "OECF", 34858: "TimeZoneOffset", 34864: "SensitivityType",
    34865: "StandardOutputSensitivity", 34866: "RecommendedExposureIndex", 34867: "ISOSpeed",
    36864: "ExifVersion", 36867: "DateTimeOriginal", 36868: "DateTimeDigitized", 36880: "OffsetTime",
    36881: "OffsetTimeOriginal", 36882: "OffsetTimeDigitized", 37121: "ComponentsConfiguration",
    37122: "CompressedBitsPerPixel", 37377: "ShutterSpeedValue", 37378: "ApertureValue", 37379: "BrightnessValue",
    37380: "ExposureBiasValue", 37381: "MaxApertureValue", 37382: "SubjectDistance", 37383: "MeteringMode",
    37384: "LightSource", 37385: "Flash", 37386: "FocalLength", 37396: "SubjectArea", 37500: "MakerNote",
    37510: "UserComment", 37520: "SubSecTime", 37521: "SubSecTimeOriginal", 37522: "SubSecTimeDigitized",
    37888: "AmbientTemperature", 37889: "Humidity", 37890: "Pressure", 37891: "WaterDepth", 37892: "Acceleration",
    37893: "CameraElevationAngle", 40960: "FlashpixVersion", 40961: "ColorSpace", 40962: "PixelXDimension",
    40963: "PixelYDimension", 40964: "RelatedSoundFile", 40965: "Interoperability IFD", 41483: "FlashEnergy",
    41484: "SpatialFrequencyResponse", 41486: "FocalPlaneXResolution", 41487: "FocalPlaneYResolution",
    41488: "FocalPlaneResolutionUnit", 41492: "SubjectLocation", 41493: "ExposureIndex", 41495: "SensingMethod",
    41728: "FileSource", 41729: "SceneType", 41730: "CFAPattern", 41985: "CustomRendered", 41986: "ExposureMode",
    41987: "WhiteBalance", 41988: "DigitalZoomRatio", 41989: "FocalLengthIn35mmFilm", 41990: "SceneCaptureType",
    41991: "GainControl", 41992: "Contrast", 41993: "Saturation", 41994: "Sharpness",
    41995: "DeviceSettingDescription", 41996: "SubjectDistanceRange", 42016: "ImageUniqueID",
    42032: "CameraOwnerName", 42033: "BodySerialNumber", 42034: "LensSpecification", 42035: "LensMake",
    42036: "LensModel", 42037: "LensSerialNumber", 42038: "ImageTitle", 42039: "Photographer", 42040: "ImageEditor",
    42041: "CameraFirmware", 42042: "RAWDevelopingSoftware", 42043: "ImageEditingSoftware",
    42044: "MetadataEditingSoftware", 42080: "CompositeImage", 42081: "SourceImageNumberOfCompositeImage",
    42082: "SourceExposureTimesOfCompositeImage", 42240: "Gamma", 59932: "Padding", 59933: "OffsetSchema",
}  # fmt: skip

# CIPA DC-008, table of the GPS IFD.
GPS = {
    0: "GPSVersionID", 1: "GPSLatitudeRef", 2: "GPSLatitude", 3: "GPSLongitudeRef", 4: "GPSLongitude",
    5: "GPSAltitudeRef", 6: "GPSAltitude", 7: "GPSTimeStamp", 8: "GPSSatellites", 9: "GPSStatus",
    10: "GPSMeasureMode", 11: "GPSDOP", 12: "GPSSpeedRef", 13: "GPSSpeed", 14: "GPSTrackRef", 15: "GPSTrack",
    16: "GPSImgDirectionRef", 17: "GPSImgDirection", 18: "GPSMapDatum", 19: "GPSDestLatitudeRef",
    20: "GPSDestLatitude", 21: "GPSDestLongitudeRef", 22: "GPSDestLongitude", 23: "GPSDestBearingRef",
    24: "GPSDestBearing", 25: "GPSDestDistanceRef", 26: "GPSDestDistance", 27: "GPSProcessingMethod",
    28: "GPSAreaInformation", 29: "GPSDateStamp", 30: "GPSDifferential", 31: "GPSHPositioningError",
}  # fmt: skip

INTEROP = {
    1: "InteroperabilityIndex", 2: "InteroperabilityVersion", 4096: "RelatedImageFileFormat",
    4097: "RelatedImageWidth", 4098: "RelatedImageLength",
}  # fmt: skip

# ICC.1:2022 9.2, ICC.1:2001-04 6.4, and Apple's registered private tags.
ICC = frozenset(
    b"A2B0 A2B1 A2B2 B2A0 B2A1 B2A2 B2D0 B2D1 B2D2 B2D3 D2B0 D2B1 D2B2 D2B3 bTRC bXYZ bfd  bkpt calt chad chrm cicp "
    b"ciis clot clro clrt cprt crdi desc devs dmdd dmnd gTRC gXYZ gamt kTRC lumi meas meta mmod ncl2 ncol ndin pre0 "
    b"pre1 pre2 ps2i ps2s psd0 psd1 psd2 psd3 pseq psid rTRC rXYZ resp rig0 rig2 scrd scrn targ tech vcgp vcgt view "
    b"wtpt aabg aagg aarg dscm".split()
)

# Photoshop's image resources (Adobe Photoshop File Formats Specification).
RESOURCES = {
    0x03ED: "resolution", 0x03F3: "print flags", 0x03F8: "transfer functions", 0x0400: "layer state",
    0x0404: "IPTC-NAA record", 0x0406: "JPEG quality", 0x0408: "grid and guides", 0x0409: "thumbnail",
    0x040A: "copyright flag", 0x040B: "URL", 0x040C: "thumbnail", 0x040D: "global angle", 0x040F: "ICC profile",
    0x0410: "watermark", 0x0411: "ICC untagged", 0x0414: "document ids", 0x0419: "global altitude", 0x041A: "slices",
    0x041E: "URL list", 0x0421: "version", 0x0422: "Exif", 0x0423: "Exif", 0x0424: "XMP", 0x0425: "caption digest",
    0x0426: "print scale", 0x0428: "pixel aspect ratio", 0x0435: "measurement scale", 0x043B: "print information",
}  # fmt: skip

# IPTC Information Interchange Model 4.2.
IIM = {
    (1, 0): "Model Version", (1, 90): "Coded Character Set", (2, 0): "Record Version", (2, 3): "Object Type",
    (2, 5): "Object Name", (2, 7): "Edit Status", (2, 10): "Urgency", (2, 12): "Subject Reference",
    (2, 15): "Category", (2, 20): "Supplemental Category", (2, 22): "Fixture Identifier", (2, 25): "Keywords",
    (2, 26): "Content Location Code", (2, 27): "Content Location Name", (2, 30): "Release Date",
    (2, 35): "Release Time", (2, 37): "Expiration Date", (2, 38): "Expiration Time", (2, 40): "Special Instructions",
    (2, 55): "Date Created", (2, 60): "Time Created", (2, 62): "Digital Creation Date",
    (2, 63): "Digital Creation Time", (2, 65): "Originating Program", (2, 70): "Program Version",
    (2, 80): "By-line", (2, 85): "By-line Title", (2, 90): "City", (2, 92): "Sublocation", (2, 95): "Province/State",
    (2, 100): "Country Code", (2, 101): "Country Name", (2, 103): "Original Transmission Reference",
    (2, 105): "Headline", (2, 110): "Credit", (2, 115): "Source", (2, 116): "Copyright Notice", (2, 118): "Contact",
    (2, 120): "Caption", (2, 122): "Writer", (2, 130): "Image Type",
}  # fmt: skip

# C2PA 2.1, 11.1: labels of the boxes of a manifest store.
JUMBF = {
    b"c2pa": "manifest store", b"c2pa.assertions": "assertion store", b"c2pa.claim": "claim",
    b"c2pa.claim.v2": "claim", b"c2pa.signature": "claim signature", b"c2pa.credentials": "credential store",
    b"c2pa.databoxes": "data box store", b"c2pa.actions": "actions", b"c2pa.actions.v2": "actions",
    b"c2pa.hash.data": "data hash", b"c2pa.hash.bmff": "BMFF hash", b"c2pa.hash.bmff.v2": "BMFF hash",
    b"c2pa.hash.bmff.v3": "BMFF hash", b"c2pa.hash.boxes": "box hash", b"c2pa.ingredient": "ingredient",
    b"c2pa.ingredient.v2": "ingredient", b"c2pa.ingredient.v3": "ingredient", b"c2pa.metadata": "metadata",
    b"c2pa.thumbnail.claim": "thumbnail", b"c2pa.thumbnail.claim.jpeg": "thumbnail",
    b"c2pa.thumbnail.ingredient": "thumbnail", b"c2pa.thumbnail.ingredient.jpeg": "thumbnail",
    b"stds.exif": "Exif", b"stds.iptc": "IPTC", b"stds.schema-org.CreativeWork": "creative work",
    b"c2pa.training-mining": "training and mining", b"c2pa.soft-binding": "soft binding",
}  # fmt: skip

# PNG, third edition, 11.3.3.1; and keywords that programs in wide use write.
KEYWORDS = {
    word.lower(): word.decode("ascii")
    for word in (
        b"Title", b"Author", b"Description", b"Copyright", b"Creation Time", b"Software", b"Disclaimer", b"Warning",
        b"Source", b"Comment", b"Collection", b"XML:com.adobe.xmp", b"Raw profile type exif",
        b"Raw profile type APP1", b"Raw profile type iptc", b"Raw profile type xmp", b"Raw profile type icc",
        b"Raw profile type 8bim", b"date:create", b"date:modify", b"date:timestamp", b"parameters", b"prompt",
        b"workflow", b"AIGC",
    )
}  # fmt: skip

# ISO 16684-1, IPTC Photo Metadata Standard 2023.2, CIPA DC-010 and the schemas of Adobe, Google and Apple in wide use.
_XMP = """
dc: contributor coverage creator date description format identifier language publisher relation rights source subject
  title type
xmp: BaseURL CreateDate CreatorTool Identifier Label MetadataDate ModifyDate Nickname Rating Thumbnails
xmpGImg: format width height image
xmpRights: Certificate Marked Owner UsageTerms WebStatement
xmpMM: DerivedFrom DocumentID History Ingredients InstanceID ManagedFrom Manager ManageTo ManageUI ManagerVariant
  OriginalDocumentID Pantry RenditionClass RenditionParams VersionID Versions PreservedFileName
stEvt: action changed instanceID parameters softwareAgent when
stRef: alternatePaths documentID filePath fromPart instanceID originalDocumentID renditionClass versionID
photoshop: AuthorsPosition CaptionWriter Category City ColorMode Country Credit DateCreated DocumentAncestors
  EmbeddedXMPDigest Headline History ICCProfile Instructions LegacyIPTCDigest SidecarForExtension Source State
  SupplementalCategories TextLayers TransmissionReference Urgency
tiff: Artist BitsPerSample Compression Copyright DateTime ImageDescription ImageLength ImageWidth Make Model
  NativeDigest Orientation PhotometricInterpretation PlanarConfiguration PrimaryChromaticities ReferenceBlackWhite
  ResolutionUnit SamplesPerPixel Software WhitePoint XResolution YCbCrCoefficients YCbCrPositioning YCbCrSubSampling
  YResolution
exifEX: BodySerialNumber CameraOwnerName Gamma InteroperabilityIndex LensMake LensModel LensSerialNumber
  LensSpecification PhotographicSensitivity SensitivityType
aux: Firmware FlashCompensation ImageNumber Lens LensID LensInfo LensSerialNumber OwnerName SerialNumber
Iptc4xmpCore: AltTextAccessibility CountryCode CreatorContactInfo CiAdrCity CiAdrCtry CiAdrExtadr CiAdrPcode
  CiAdrRegion CiEmailWork CiTelWork CiUrlWork ExtDescrAccessibility IntellectualGenre Location Scene SubjectCode
Iptc4xmpExt: AddlModelInfo AISystemUsed AISystemVersionUsed AIPromptInformation AIPromptWriterName ArtworkOrObject
  City CountryCode CountryName CVterm DigImageGUID DigitalSourceType EmbdEncRightsExpr Event LocationCreated
  LocationId LocationName LocationShown MaxAvailHeight MaxAvailWidth ModelAge OrganisationInImageCode
  OrganisationInImageName PersonInImage PersonInImageWDetails PersonName ProductInImage ProvinceState Sublocation
  WorldRegion
plus: CopyrightOwner CopyrightOwnerName ImageCreator ImageCreatorName ImageSupplier Licensor LicensorEmail
  LicensorName LicensorTelephone1 LicensorURL ModelReleaseStatus PropertyReleaseStatus Version DataMining
pdf: Keywords PDFVersion Producer Trapped
lr: hierarchicalSubject privateRTKInfo weightedFlatSubject
GPano: CroppedAreaImageHeightPixels CroppedAreaImageWidthPixels CroppedAreaLeftPixels CroppedAreaTopPixels
  FirstPhotoDate FullPanoHeightPixels FullPanoWidthPixels LargestValidInteriorRectHeight
  LargestValidInteriorRectLeft LargestValidInteriorRectTop LargestValidInteriorRectWidth LastPhotoDate
  PoseHeadingDegrees ProjectionType SourcePhotosCount StitchingSoftware UsePanoramaViewer
GCamera: BurstID BurstPrimary MicroVideo MicroVideoOffset MicroVideoPresentationTimestampUs MicroVideoVersion
  MotionPhoto MotionPhotoPresentationTimestampUs MotionPhotoVersion PortraitVersion SpecialTypeID hdrp_makernote
  shot_log_data
GDepth: Data Far Format Mime Near Units
GImage: Data Mime
GAudio: Data Mime
Container: Directory Version
Item: DataURI Length Mime Padding Semantic
hdrgm: BaseRenditionIsHDR GainMapMax GainMapMin Gamma HDRCapacityMax HDRCapacityMin OffsetHDR OffsetSDR Version
xmpNote: HasExtendedXMP
xmpidq: Scheme
xmpTPg: NPages
mwg-rs: Regions RegionList AppliedToDimensions Area Name Type Extensions
stArea: h w x y unit d
stDim: h w unit
digiKam: TagsList ColorLabel PickLabel
MicrosoftPhoto: DateAcquired LastKeywordXMP Rating
dcterms: provenance
TC260: AIGC
"""
# CIPA DC-010: Exif's own names under `exif:`.
_EXIF_IN_XMP = ("CFAPattern", "GPSTimeStamp", "ISOSpeedRatings", "NativeDigest", "Fired", "Return", "Mode", "Function")


def _properties() -> frozenset[str]:
    found = {f"exif:{name}" for name in (*EXIF.values(), *GPS.values(), *_EXIF_IN_XMP)}
    prefix = ""
    for word in _XMP.split():
        if word.endswith(":"):
            prefix = word
        else:
            found.add(prefix + word)
    return frozenset(found)


XMP = _properties()
