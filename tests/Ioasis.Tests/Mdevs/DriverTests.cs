using Ioasis.Abi;
using Ioasis.Client;
using Ioasis.Devices;
using Ioasis.Machine.Description;
using Ioasis.Machine.Nodes;
using Ioasis.Memory.Threads;

namespace Ioasis.Tests.Mdevs;

/// <summary>
/// The drivers of mdevs, as sysfs shows them and sets them to work. The answers are those of Linux 7.2.
/// </summary>
public sealed class DriverTests : IDisposable
{
    private const string First = MdevMachine.First, Device = $"/sys/devices/virtual/mtty/mtty/{First}";
    private const string Driver = "/sys/bus/mdev/drivers/mtty";
    private readonly MdevMachine _machine = new();

    public void Dispose() => _machine.Dispose();

    [Fact]
    public void ADriverHasItsMdevsAndItsModule()
    {
        Assert.Equal(Errno.None, _machine.Create("mtty-2", First));
        Assert.Equal([First, "bind", "module", "uevent", "unbind"],
            _machine.Nodes.List(Driver).Order(StringComparer.Ordinal));
        Assert.Equal("../../../../module/mtty", Link($"{Driver}/module"));
        Assert.Equal("../../../bus/mdev/drivers/mtty", Link("/sys/module/mtty/drivers/mdev:mtty"));
        Assert.Equal($"../../../../devices/virtual/mtty/mtty/{First}", Link($"{Driver}/{First}"));
        Assert.Equal("../../../../../bus/mdev/drivers/mtty", Link($"{Device}/driver"));
        Assert.Equal($"This is MDEV {First}", _machine.Nodes.ReadAttribute($"{Device}/vendor/sample_mdev_dev"));
    }

    [Fact]
    public void UnbindLeavesTheFolderAndBindIsRefused()
    {
        Assert.Equal(Errno.None, _machine.Create("mtty-2", First));
        string node = _machine.Machine.Mdevs[0].VfioNode;
        int group = _machine.Machine.Mdevs[0].Group!.Value;
        Assert.Equal(Errno.ENODEV, _machine.Write($"{Driver}/unbind", First.Replace('1', '2'))());
        Assert.Equal(Errno.ENODEV, _machine.Write($"{Driver}/unbind", First.ToUpperInvariant())());
        Assert.Equal(Errno.ENODEV, _machine.Write($"{Driver}/unbind", First + "x")());
        Assert.Equal(Errno.None, _machine.Write($"{Driver}/unbind", First + "\n")());
        Assert.Equal(["mdev_type", "power", "remove", "subsystem", "uevent"], _machine.Nodes.List(Device));
        Assert.Equal("", _machine.Nodes.ReadAttribute($"{Device}/uevent").Trim());
        string[] gone = [node, $"/dev/vfio/{group}", $"/sys/kernel/iommu_groups/{group}", $"{Driver}/{First}"];
        Assert.All(gone, path => Assert.DoesNotContain(path, _machine.Machine.Paths.Keys));
        Assert.False(Assert.Single(_machine.Machine.Mdevs).IsBound);
        Assert.Equal(12, _machine.Available("mtty-2")); // its ports are free; its name is not
        Assert.Equal(Errno.EEXIST, _machine.Create("mtty-1", First));
        Assert.Equal(Errno.ENODEV, _machine.Write($"{Driver}/bind", First)());
        Assert.Equal(Errno.ENODEV, _machine.Write($"{Driver}/unbind", First)());
        Assert.Equal(Errno.None, _machine.Write($"{Device}/remove", "1")());
        Assert.Empty(_machine.Nodes.List("/sys/bus/mdev/devices"));
        Assert.Equal(Errno.None, _machine.Create("mtty-1", First));
    }

    [Fact]
    public void UnbindWaitsForTheLastFileAndRemoveForUnbind()
    {
        VfioDevice device = _machine.Open("mtty-2", First);
        using IommuContext context = IommuContext.Open(_machine.Nodes);
        device.Bind(context);
        int group = _machine.Machine.Mdevs[0].Group!.Value;
        Func<Errno?> unbound = _machine.Write($"{Driver}/unbind", First);
        Assert.Null(unbound());
        Assert.DoesNotContain($"{Device}/driver", _machine.Machine.Paths.Keys);
        Assert.DoesNotContain($"{Device}/vfio-dev", _machine.Machine.Paths.Keys);
        Assert.Contains($"/dev/vfio/{group}", _machine.Machine.Paths.Keys);
        Assert.Equal(9u, device.GetInfo().Raw.NumRegions);
        Assert.Equal(Errno.ENODEV, _machine.Write($"{Driver}/unbind", First)());

        Func<Errno?> removed = _machine.Write($"{Device}/remove", "1");
        Assert.Null(removed());
        Assert.DoesNotContain(Device, _machine.Machine.Paths.Keys);
        device.Dispose();
        Assert.Equal((Errno.None, Errno.None), (unbound(), removed()));
        Assert.Equal(Errno.None, _machine.Create("mtty-2", First));
    }

    /// <summary>A count that the host keeps stays used until the mdev itself is removed.</summary>
    [Fact]
    public void TheHostsCountIsGivenBackByRemoval()
    {
        using var machine = new MdevMachine("edus");
        const string parent = "/sys/devices/virtual/edu/edus", type = $"{parent}/mdev_supported_types/edu-1";
        Assert.Equal(Errno.None, machine.Write($"{type}/create", First)());
        Assert.Equal("63", machine.Nodes.ReadAttribute($"{type}/available_instances"));
        Assert.Equal(Errno.ENODEV, machine.Write("/sys/bus/mdev/drivers/edu/bind", First)());
        Assert.Equal(Errno.None, machine.Write("/sys/bus/mdev/drivers/edu/unbind", First)());
        Assert.Equal("63", machine.Nodes.ReadAttribute($"{type}/available_instances"));
        Assert.Equal(Errno.None, machine.Write($"{parent}/{First}/remove", "1")());
        Assert.Equal("64", machine.Nodes.ReadAttribute($"{type}/available_instances"));
    }

    /// <summary>
    /// A function that its driver lets go loses its mdevs, and offers types again when it is bound again.
    /// </summary>
    [Fact]
    public void AParentsDriverTakesItsMdevsAlong()
    {
        const string address = "1000:00:05.0", function = $"/sys/devices/pci1000:00/{address}";
        const string type = $"{function}/mdev_supported_types/dmatest-1ch";
        using var machine = new MdevMachine($"dmatest@{address},mdevs=2");
        string second = First.Replace("1001", "1002", StringComparison.Ordinal);
        Assert.Equal(Errno.None, machine.Write($"{type}/create", First)());
        Assert.Equal(Errno.None, machine.Write($"{type}/create", second)());
        var create = (VirtualFile)machine.Machine.Paths[$"{type}/create"];
        VfioDevice device = VfioDevice.Open(machine.Nodes, machine.Machine.Mdevs[1].VfioNode);
        Take("unbind");
        Assert.DoesNotContain(machine.Machine.Paths.Keys, path => path.Contains(First, StringComparison.Ordinal)
            || path.Contains(second, StringComparison.Ordinal) || path.Contains("mdev_", StringComparison.Ordinal));
        Errno? late = null;
        create.Store!("00000000-0000-0000-0000-000000000000"u8, errno => late = errno);
        Assert.Equal(Errno.ENODEV, late); // by a file that was opened before
        Take("bind"); // waits for the mdev that is open
        Assert.DoesNotContain(type, machine.Machine.Paths.Keys);
        device.Dispose();
        Until.True(() => machine.Machine.Paths.ContainsKey(type));
        Assert.Equal(0, machine.Machine.Pasids.Count);
        Assert.Equal("2", machine.Nodes.ReadAttribute($"{type}/available_instances"));
        Assert.Equal(Errno.None, machine.Write($"{type}/create", First)());

        void Take(string what) => ((VirtualFile)machine.Machine.Paths[$"/sys/bus/pci/drivers/vfio-pci/{what}"])
            .Take!(System.Text.Encoding.ASCII.GetBytes(address));
    }

    /// <summary>An attribute whose author's code throws harms nobody else.</summary>
    [Fact]
    public void AnAttributeThatThrowsReadsAsNothing()
    {
        List<string> messages = [];
        HostMessages.Listener = messages.Add;
        MdevParentRegistry.TryAdd("throwing", static () => new ThrowingParent());
        using var machine = new MdevMachine("throwing");
        const string parent = "/sys/devices/virtual/throwing/throwing";
        Assert.Equal(Errno.None, machine.Write($"{parent}/mdev_supported_types/throwing-1/create", First)());
        Assert.Equal("", machine.Nodes.ReadAttribute($"{parent}/{First}/shown").Trim());
        Assert.Equal(Errno.EIO, machine.Write($"{parent}/{First}/shown", "1")());
        Assert.Equal(2, messages.Count);
    }

    private string Link(string path) => Assert.IsType<VirtualLink>(_machine.Machine.Paths[path]).Target;

    private sealed class ThrowingParent : IMdevParent
    {
        public IReadOnlyList<MdevType> MdevTypes { get; } = [new ThrowingType()];

        public int MaxMdevs => 1;
    }

    private sealed class ThrowingType : MdevType
    {
        public override string Name => "1";

        public override MdevStatus Create(Guid uuid, out Mdev? mdev)
        {
            mdev = new ThrowingMdev();
            return MdevStatus.Ok;
        }
    }

    private sealed class ThrowingMdev : EmulatedMdev
    {
        public override IReadOnlyList<ulong> RegionSizes { get; } = new ulong[9];

        public override IReadOnlyList<MdevAttribute> Attributes { get; } =
        [
            new MdevAttribute("", "shown", static () => throw new InvalidOperationException("nothing to show"))
            {
                Store = static _ => throw new InvalidOperationException("nothing to take"),
            },
        ];

        public override void Open(IMdevSlot slot)
        {
        }

        public override void Close()
        {
        }

        public override void Reset()
        {
        }

        public override uint Read(int region, ulong offset, int width) => 0;

        public override void Write(int region, ulong offset, int width, uint value)
        {
        }
    }
}
