using Ioasis.Abi;
using Ioasis.Client;
using Ioasis.Devices;
using Ioasis.Machine;
using Ioasis.Machine.Description;
using Ioasis.Machine.Nodes;
using Ioasis.Memory.Threads;
using Ioasis.Tests.Machine;

namespace Ioasis.Tests.Mdevs;

/// <summary>How mdevs come and go. The answers are those that Linux 7.2 gives.</summary>
public sealed class LifeCycleTests : IDisposable
{
    private const string First = MdevMachine.First, Device = $"/sys/devices/virtual/mtty/mtty/{First}";
    private readonly MdevMachine _machine = new();

    public void Dispose() => _machine.Dispose();

    [Theory]
    [InlineData("83b8f4f2-509f-382f-3c1e-e6bfe0fa100", Errno.EINVAL)] // 35 bytes
    [InlineData(First, Errno.None)]
    [InlineData(First + "\n", Errno.None)]
    [InlineData(First + "x", Errno.None)] // the last byte is of no matter
    [InlineData(First + "\n\n", Errno.EINVAL)] // 38 bytes
    [InlineData("83B8F4F2-509F-382F-3C1E-E6BFE0FA1001", Errno.None)]
    [InlineData("00000000-0000-0000-0000-000000000000", Errno.None)]
    [InlineData("83b8f4f2509f-382f-3c1e-e6bfe0fa1001--", Errno.EINVAL)]
    [InlineData("{83b8f4f2-509f-382f-3c1e-e6bfe0fa100}", Errno.EINVAL)]
    [InlineData("0x8f4f2a-509f-382f-3c1e-e6bfe0fa1001a", Errno.EINVAL)]
    public void AUuidHas36Characters(string text, Errno errno)
    {
        Assert.Equal(errno, _machine.Create("mtty-2", text));
        string[] names = errno == Errno.None ? [text[..36].ToLowerInvariant()] : [];
        Assert.Equal(names, _machine.Nodes.List("/sys/bus/mdev/devices"));
    }

    [Fact]
    public void AUuidOfAnyTypeIsTakenBeforeAnythingElseIsLookedAt()
    {
        for (int i = 0; i < 12; i++)
            Assert.Equal(Errno.None, _machine.Create("mtty-2", $"00000000-0000-0000-0000-0000000000{i:x2}"));
        Assert.Equal((0, 0), (_machine.Available("mtty-1"), _machine.Available("mtty-2")));
        Assert.Equal(Errno.ENOSPC, _machine.Create("mtty-1", First));
        Assert.Equal(Errno.EEXIST, _machine.Create("mtty-1", "00000000-0000-0000-0000-000000000000"));
    }

    [Fact]
    public void TypesShareThePortsOfTheirParent()
    {
        Assert.Equal((24, 12), (_machine.Available("mtty-1"), _machine.Available("mtty-2")));
        Assert.Equal(Errno.None, _machine.Create("mtty-2", First));
        Assert.Equal((22, 11), (_machine.Available("mtty-1"), _machine.Available("mtty-2")));
        Assert.Equal(Errno.None, _machine.Write($"{Device}/remove", "1\n")());
        Assert.Equal((24, 12), (_machine.Available("mtty-1"), _machine.Available("mtty-2")));
    }

    [Theory]
    [InlineData("0", Errno.None, true)]
    [InlineData("x", Errno.EINVAL, true)]
    [InlineData("-1", Errno.EINVAL, true)]
    [InlineData("2\n", Errno.None, false)]
    public void AnyNumberBut0Removes(string text, Errno errno, bool stays)
    {
        Assert.Equal(Errno.None, _machine.Create("mtty-1", First));
        Assert.Equal(errno, _machine.Write($"{Device}/remove", text)());
        Assert.Equal(stays, _machine.Machine.Paths.ContainsKey(Device));
    }

    [Fact]
    public void RemovingWaitsForTheLastFile()
    {
        VfioDevice device = _machine.Open("mtty-2", First);
        using IommuContext context = IommuContext.Open(_machine.Nodes);
        device.Bind(context);
        int group = Assert.Single(_machine.Machine.Mdevs).Group!.Value;
        string node = Assert.Single(_machine.Machine.Mdevs).VfioNode;
        var remove = (VirtualFile)_machine.Machine.Paths[$"{Device}/remove"];
        Func<Errno?> answer = _machine.Write($"{Device}/remove", "1");
        Assert.Null(answer());

        string[] gone = [Device, $"{Device}/remove", $"{Device}/mdev_type", node, $"/sys/bus/mdev/devices/{First}"];
        Assert.All(gone, path => Assert.DoesNotContain(path, _machine.Machine.Paths.Keys));
        Assert.Contains($"/dev/vfio/{group}", _machine.Machine.Paths.Keys);
        Assert.Equal(9u, device.GetInfo().Raw.NumRegions); // goes on working
        Assert.Equal(11, _machine.Available("mtty-2"));
        Assert.Equal(Errno.EEXIST, _machine.Create("mtty-1", First));
        Errno second = Errno.None;
        remove.Store!("1"u8, errno => second = errno); // a file that was opened before
        Assert.Equal(Errno.EAGAIN, second);

        device.Dispose();
        Assert.Equal(Errno.None, answer());
        Assert.DoesNotContain($"/dev/vfio/{group}", _machine.Machine.Paths.Keys);
        Assert.Equal(12, _machine.Available("mtty-2"));
        Assert.Equal(Errno.None, _machine.Create("mtty-1", First));
        Assert.Equal((node, group), (_machine.Machine.Mdevs[0].VfioNode, _machine.Machine.Mdevs[0].Group!.Value));
    }

    [Fact]
    public void AnOpenGroupAloneKeepsNothing()
    {
        Assert.Equal(Errno.None, _machine.Create("mtty-2", First));
        using VfioGroup group = VfioGroup.Open(_machine.Nodes, Assert.Single(_machine.Machine.Mdevs).Group!.Value);
        Assert.Equal(Errno.None, _machine.Write($"{Device}/remove", "1")());
    }

    [Fact]
    public void TheTreeIsWhole()
    {
        Assert.Equal(Errno.None, _machine.Create("mtty-2", First));
        string node = _machine.Machine.Mdevs[0].VfioNode["/dev/vfio/devices/".Length..];
        Assert.Equal(
            ["driver", "iommu_group", "mdev_type", "power", "remove", "subsystem", "uevent", "vendor", "vfio-dev"],
            _machine.Nodes.List(Device));
        Assert.Equal("../../../devices/virtual/mtty/mtty/" + First, Link($"/sys/bus/mdev/devices/{First}"));
        Assert.Equal("../../../../../bus/mdev/drivers/mtty", Link($"{Device}/driver"));
        Assert.Equal("../mdev_supported_types/mtty-2", Link($"{Device}/mdev_type"));
        Assert.Equal("../../../../../bus/mdev", Link($"{Device}/subsystem"));
        Assert.Equal("../../../../../kernel/iommu_groups/2", Link($"{Device}/iommu_group"));
        Assert.Equal("../../../" + First, Link($"{MdevMachine.Types}/mtty-2/devices/{First}"));
        Assert.Equal("../../../" + First, Link($"{Device}/vfio-dev/{node}/device"));
        Assert.Equal("../../devices/virtual/mtty/mtty", Link("/sys/class/mdev_bus/mtty"));
        Assert.Equal("DRIVER=mtty", _machine.Nodes.ReadAttribute($"{Device}/uevent"));
        Assert.Equal([First], _machine.Nodes.List("/sys/kernel/iommu_groups/2/devices"));
        Assert.Equal("vfio-noiommu", _machine.Nodes.ReadAttribute("/sys/kernel/iommu_groups/2/name"));
        string type = $"{MdevMachine.Types}/mtty-2";
        Assert.Equal(["available_instances", "create", "device_api", "devices", "name"], _machine.Nodes.List(type));
        Assert.Equal("Dual port serial", _machine.Nodes.ReadAttribute($"{type}/name"));
        Assert.Equal("vfio-pci", _machine.Nodes.ReadAttribute($"{type}/device_api"));
    }

    /// <summary>A parent whose types do not count, one that cannot describe an mdev, and one that throws.</summary>
    [Fact]
    public void TheHostCountsForTypesThatDoNot()
    {
        MdevParentRegistry.TryAdd("counted", static () => new CountedParent());
        using var machine = new MdevMachine("counted");
        const string types = "/sys/devices/virtual/counted/counted/mdev_supported_types";
        string create = $"{types}/counted-a/create";
        Assert.Equal("A device", machine.Nodes.ReadAttribute($"{types}/counted-a/description"));
        Assert.Equal("counted-a", machine.Nodes.ReadAttribute($"{types}/counted-a/name"));
        Assert.Equal(Errno.EINVAL, machine.Write($"{types}/counted-wrong/create", First)());
        Assert.Equal(Errno.EIO, machine.Write($"{types}/counted-throws/create", First)());
        Assert.Equal(Errno.EBUSY, machine.Write($"{types}/counted-busy/create", First)());
        Assert.Equal(Errno.None, machine.Write(create, First)());
        Assert.Equal("1", machine.Nodes.ReadAttribute($"{types}/counted-b/available_instances"));
        Assert.Equal(Errno.None, machine.Write($"{types}/counted-b/create", First.Replace('1', '2'))());
        Assert.Equal(Errno.EUSERS, machine.Write(create, First.Replace('1', '3'))());
        Assert.Equal(Errno.EEXIST, machine.Write(create, First)());
        Assert.Equal(Errno.None, machine.Write($"/sys/devices/virtual/counted/counted/{First}/remove", "1")());
        Assert.Equal("1", machine.Nodes.ReadAttribute($"{types}/counted-a/available_instances"));

        // What an mdev cannot erase is given to nobody else.
        HostMessages.Listener = static _ => { };
        Assert.Equal(Errno.None, machine.Write($"{types}/counted-keeps/create", First.Replace('1', '4'))());
        string keeper = $"/sys/devices/virtual/counted/counted/{First.Replace('1', '4')}";
        Assert.Equal(Errno.None, machine.Write($"{keeper}/remove", "1")());
        Assert.Equal("0", machine.Nodes.ReadAttribute($"{types}/counted-a/available_instances"));
        Assert.DoesNotContain(keeper, machine.Machine.Paths.Keys);
    }

    [Fact]
    public void ADescriptionCreatesMdevs()
    {
        MachineDescription description = MachineDescription.Default.WithMdev($"mtty-2@mtty,uuid={First}")
            .WithMdev("mtty-1@mtty");
        using SoftwareMachine machine = SoftwareMachine.Create(description);
        Assert.Equal(["mtty-2", "mtty-1"], machine.Mdevs.Select(mdev => mdev.Type));
        Assert.Equal([Guid.Parse(First), Guid.Parse("6d646576-0000-4000-8000-000000000002")],
            machine.Mdevs.Select(mdev => mdev.Uuid));
        Assert.Equal([("mtty-1", 21), ("mtty-2", 10)], Assert.Single(machine.MdevParents).Types);
    }

    [Fact]
    public void ADescriptionInAFileCreatesMdevs()
    {
        using SoftwareMachine machine = SoftwareMachine.Create(MachineDescription.Parse("m.json", """
            {
              "virtualDevices": ["mtty"],
              "mdevs": [
                { "type": "mtty-2", "parent": "mtty", "uuid": "83b8f4f2-509f-382f-3c1e-e6bfe0fa1001" },
                { "type": "mtty-1", "parent": "mtty" }
              ]
            }
            """u8.ToArray()));
        Assert.Equal([Guid.Parse(First), Guid.Parse("6d646576-0000-4000-8000-000000000002")],
            machine.Mdevs.Select(mdev => mdev.Uuid));
    }

    [Theory]
    [InlineData("\"virtualDevices\": [\"tty\"]", "m.json:1: there is no virtual device \"tty\"; there is ")]
    [InlineData("\"virtualDevices\": [\"mtty\", \"mtty\"]", "m.json:1: there is already a virtual device mtty.")]
    [InlineData("\"mdevs\": [{}]", "m.json:1: an mdev needs \"type\", such as \"mtty-1\".")]
    [InlineData("\"mdevs\": [{\"type\": \"a\", \"parent\": \"b\", \"uuid\": \"c\"}]",
        "m.json:1: \"c\" is no UUID such as 6d646576-0000-4000-8000-000000000001.")]
    public void AWrongFileIsComplainedOf(string members, string complaint)
    {
        MachineDescriptionException e = Assert.Throws<MachineDescriptionException>(
            () => MachineDescription.Parse("m.json", System.Text.Encoding.UTF8.GetBytes($"{{{members}}}")));
        Assert.StartsWith(complaint, MachineDescriptionTests.WithoutColumn(e.Message), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("mtty-1", "mdev \"mtty-1\": expected TYPE@PARENT or TYPE@PARENT,uuid=UUID, such as mtty-1@mtty.")]
    [InlineData("mtty-1@mtty,uuid=1", "mdev \"mtty-1@mtty,uuid=1\": \"uuid=1\" is not uuid=UUID.")]
    [InlineData("mtty-3@mtty", "mtty has no type mtty-3; it has mtty-1, mtty-2.")]
    [InlineData("x@1000:0:3.0", "1000:00:03.0 offers no mdevs; nothing in this machine does.")]
    public void AWrongMdevIsComplainedOf(string mdev, string complaint)
    {
        MachineDescriptionException e = Assert.Throws<MachineDescriptionException>(
            () => SoftwareMachine.Create(MachineDescription.Default.WithMdev(mdev)));
        Assert.Equal(complaint, e.Message);
    }

    private string Link(string path) => Assert.IsType<VirtualLink>(_machine.Machine.Paths[path]).Target;

    private sealed class CountedParent : IMdevParent
    {
        public IReadOnlyList<MdevType> MdevTypes { get; } =
        [
            new CountedType("a", static () => (MdevStatus.Ok, new EmptyMdev(9))), new CountedType("b",
                static () => (MdevStatus.Ok, new EmptyMdev(9))),
            new CountedType("busy", static () => (MdevStatus.Busy, null)),
            new CountedType("wrong", static () => (MdevStatus.Ok, new EmptyMdev(8))),
            new CountedType("keeps", static () => (MdevStatus.Ok, new EmptyMdev(9) { CannotErase = true })),
            new CountedType("throws", static () => throw new InvalidOperationException("a type that throws")),
        ];

        public int MaxMdevs => 2;
    }

    private sealed class CountedType(string name, Func<(MdevStatus, Mdev?)> create) : MdevType
    {
        public override string Name => name;

        public override string Description => "A device";

        public override MdevStatus Create(Guid uuid, out Mdev? mdev)
        {
            (MdevStatus status, mdev) = create();
            return status;
        }
    }

    private sealed class EmptyMdev(int regions) : EmulatedMdev
    {
        public override IReadOnlyList<ulong> RegionSizes => new ulong[regions];

        internal bool CannotErase { get; init; }

        public override void Erase()
        {
            if (CannotErase) throw new IOException("a medium that cannot be written");
        }

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
