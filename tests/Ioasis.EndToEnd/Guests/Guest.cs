namespace Ioasis.EndToEnd.Guests;

/// <summary>What IOMMU a guest has, and what its kernel does with it.</summary>
internal enum Viommu
{
    /// <summary>None: devices reach guest-physical memory.</summary>
    None,

    /// <summary>One that the guest lets devices pass through: so they do, too.</summary>
    PassThrough,

    /// <summary>One whose tables QEMU follows: what the guest maps for a device, QEMU maps in an IOAS.</summary>
    Shadow,

    /// <summary>One whose first-stage tables are the guest's.</summary>
    Nested,
}

/// <summary>A guest: its machine, and which functions of ours it gets.</summary>
internal sealed record Guest
{
    /// <summary>Where the guest sees the first of its functions; further ones follow.</summary>
    internal const string Bdf = "0000:00:10.0";

    private const int FirstSlot = 0x10;

    internal Viommu Viommu { get; init; } = Viommu.Nested;

    /// <summary>Options of its IOMMU beyond those that all have.</summary>
    internal string ViommuOptions { get; init; } = "";

    /// <summary>
    /// Whether RAM is a shared memfd, which QEMU maps by IOAS_MAP_FILE, rather than anonymous memory.
    /// </summary>
    internal bool SharedRam { get; init; }

    /// <summary>
    /// Whether QEMU is given open nodes, as whoever manages it does, rather than a function's address.
    /// </summary>
    internal bool ByDescriptor { get; init; }

    /// <summary>Its functions, as run's option --device has them.</summary>
    internal string[] Devices { get; init; } = [$"dmatest@{Machine.DmaTest}"];

    /// <summary>Its mdevs, whose parents it need not have. The guest sees them behind the functions.</summary>
    internal GuestMdev[] Mdevs { get; init; } = [];

    /// <summary>Further options of run.</summary>
    internal string[] RunOptions { get; init; } = [];

    /// <summary>Further options of QEMU.</summary>
    internal string[] QemuOptions { get; init; } = [];

    internal IEnumerable<string> HostOptions =>
        Devices.SelectMany(device => new[] { "--device", device }).Concat(RunOptions);

    internal IReadOnlyDictionary<string, string> Environment => new Dictionary<string, string>
    {
        ["RAM"] = SharedRam ? "memfd" : "anonymous",
        ["APPEND"] = Viommu switch
        {
            Viommu.None => "",
            Viommu.PassThrough => "intel_iommu=on,sm_on iommu=pt",
            Viommu.Shadow => "intel_iommu=on",
            _ => "intel_iommu=on,sm_on"
        },
    };

    /// <summary>The words that boot it.</summary>
    internal IEnumerable<string> Command(string script, string folder, string work)
    {
        string[] functions =
            [.. Devices.Select(device => device[(device.IndexOf('@', StringComparison.Ordinal) + 1)..].Split(',')[0])];
        string[] boot = [script, folder, work, .. Machinery,
            .. ByDescriptor ? DescriptorOptions(functions) : AddressOptions(functions),
            .. MdevOptions(Mdevs, FirstSlot + functions.Length), .. QemuOptions];
        return ByDescriptor ? ["sh", "-c", Opening(functions), "sh", .. boot] : boot;
    }

    private string[] Machinery => Viommu switch
    {
        Viommu.None => [],
        Viommu.Shadow => ["-device", $"intel-iommu,caching-mode=on{ViommuOptions}"],
        _ => ["-device", $"intel-iommu,scalable-mode=on,fsts=on,caching-mode=on,pasid-bits=20{ViommuOptions}"],
    };

    internal static IEnumerable<string> AddressOptions(string[] functions) =>
    [
        "-object", "iommufd,id=iommufd0",
        .. functions.SelectMany((bdf, i) =>
            new[] { "-device", $"vfio-pci,host={bdf},iommufd=iommufd0,bus=pcie.0,addr=0x{FirstSlot + i:x}" }),
    ];

    // QEMU 11.1 dereferences the id of a device that is given by descriptor, whether there is one or not.
    internal static IEnumerable<string> DescriptorOptions(string[] functions) =>
    [
        "-object", "iommufd,id=iommufd0,fd=3",
        .. functions.SelectMany((_, i) => new[] { "-device",
                $"vfio-pci,id=function{i},fd={4 + i},iommufd=iommufd0,bus=pcie.0,addr=0x{FirstSlot + i:x}" }),
    ];

    /// <summary>Mdevs for a QEMU that has the object of <see cref="AddressOptions"/>.</summary>
    internal static IEnumerable<string> MdevOptions(GuestMdev[] mdevs, int firstSlot = FirstSlot) =>
        mdevs.SelectMany((mdev, i) => new[] { "-device", $"vfio-pci,sysfsdev=/sys/bus/mdev/devices/{mdev.Uuid}"
            + (mdev.ByGroup ? "" : ",iommufd=iommufd0") + $",bus=pcie.0,addr=0x{firstSlot + i:x}" });

    // /dev/iommu is 3 and the functions follow; dash knows descriptors of one digit only.
    internal static string Opening(string[] functions) =>
        "exec 3<>/dev/iommu; "
        + string.Concat(functions.Select(
            (bdf, i) => $"exec {4 + i}<>/dev/vfio/devices/$(ls /sys/bus/pci/devices/{bdf}/vfio-dev); "))
        + "exec \"$@\"";
}

/// <summary>An mdev that a guest gets.</summary>
/// <param name="Uuid">Its name.</param>
/// <param name="ByGroup">Whether QEMU opens it through its group and a container, rather than /dev/iommu.</param>
internal sealed record GuestMdev(string Uuid, bool ByGroup = false);
