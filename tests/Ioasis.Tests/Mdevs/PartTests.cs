using Ioasis.Abi;
using Ioasis.Client;
using Ioasis.Machine;
using Ioasis.Machine.Nodes;
using Ioasis.Memory;

namespace Ioasis.Tests.Mdevs;

/// <summary>mdevs that are parts of a function, each with a PASID, as programs have them.</summary>
public sealed class PartTests : IDisposable
{
    private const string Parent = "1000:00:05.0", Function = $"/sys/devices/pci1000:00/{Parent}";
    private const string First = MdevMachine.First, Second = "83b8f4f2-509f-382f-3c1e-e6bfe0fa1002";
    private const uint Start = 1, ToDevice = 3, Done = 1, Fault = 2, BusMasterDisabled = 5;
    private static readonly Iova s_at = new(0x100000);
    private readonly MdevMachine _machine = new($"dmatest@{Parent},mdevs=2");

    public void Dispose() => _machine.Dispose();

    [Fact]
    public void TheTreeIsThatOfAFunctionsPart()
    {
        const string types = $"{Function}/mdev_supported_types", device = $"{Function}/{First}";
        Assert.Equal("2", _machine.Nodes.ReadAttribute($"{types}/dmatest-1ch/available_instances"));
        Assert.Equal("vfio-pci", _machine.Nodes.ReadAttribute($"{types}/dmatest-1ch/device_api"));
        Assert.Equal($"../../devices/pci1000:00/{Parent}", Link($"/sys/class/mdev_bus/{Parent}"));
        Create(First);
        Assert.Equal("1", _machine.Nodes.ReadAttribute($"{types}/dmatest-1ch/available_instances"));
        Assert.Equal(["driver", "mdev_type", "power", "remove", "subsystem", "uevent", "vfio-dev"],
            _machine.Nodes.List(device)); // it is in no group
        Assert.Equal("DRIVER=dmatest", _machine.Nodes.ReadAttribute($"{device}/uevent"));
        MachineMdev mdev = Assert.Single(_machine.Machine.Mdevs);
        Assert.Equal(("dmatest-1ch", Parent, (int?)null), (mdev.Type, mdev.Parent, mdev.Group));
    }

    [Fact]
    public void TwoProgramsHaveAPartEach()
    {
        Create(First);
        Create(Second);
        using var one = new Owner(this, First, 0x11);
        using var two = new Owner(this, Second, 0x22);
        Assert.Equal((VfioH.VFIO_DEVICE_FLAGS_PCI | VfioH.VFIO_DEVICE_FLAGS_RESET, 9u, 5u),
            (one.Device.GetInfo().Raw.Flags, one.Device.GetInfo().Raw.NumRegions, one.Device.GetInfo().Raw.NumIrqs));
        Assert.Equal(20, one.Context.DescribeHardware(one.Device).MaxPasidLog2);
        Assert.Equal(Errno.ENOTTY,
            one.Device.TryIoctl(VfioH.VFIO_DEVICE_GET_PCI_HOT_RESET_INFO, new byte[64]).Errno);
        Assert.Equal((Done, Done), (one.Run(ToDevice), two.Run(ToDevice)));
        Assert.Equal((0x11, 0x22), (one.Buffer, two.Buffer));

        one.Ioas.Unmap(s_at, 4096);
        Assert.Equal((Fault, Done), (one.Run(ToDevice), two.Run(ToDevice)));
        one.Device.EnableBusMaster(false);
        Assert.Equal((Fault, BusMasterDisabled), (one.Run(ToDevice), one.Registers.Read<uint>(0x18)));
        Assert.Equal(Done, two.Run(ToDevice));
        one.Device.Reset();
        one.Device.Dispose();
        Assert.Equal(Done, two.Run(ToDevice));
    }

    [Fact]
    public void TheParentsBusMasterOffStopsAllUntilAPartIsOpenedAgain()
    {
        Create(First);
        Create(Second);
        using var two = new Owner(this, Second, 0x22);
        using (var one = new Owner(this, First, 0x11))
        {
            MachineDevice parent = _machine.Machine.Devices.Single(device => device.Requester.ToString() == Parent);
            using var written = new ManualResetEventSlim();
            parent.Configuration.Write(PciRegs.PCI_COMMAND, [0, 0], written.Set);
            Assert.True(written.Wait(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken));
            Assert.Equal((Fault, Fault), (one.Run(ToDevice), two.Run(ToDevice)));
            Assert.Equal((BusMasterDisabled, BusMasterDisabled),
                (one.Registers.Read<uint>(0x18), two.Registers.Read<uint>(0x18)));
        }

        using var again = new Owner(this, First, 0x11);
        Assert.Equal((Done, Done), (again.Run(ToDevice), two.Run(ToDevice)));
    }

    [Fact]
    public void TheFunctionIsAProgramsOrItsPartsAre()
    {
        Create(First);
        string node = _machine.Machine.Devices.Single(device => device.Requester.ToString() == Parent).VfioNode;
        using IommuContext context = IommuContext.Open(_machine.Nodes);
        using (VfioDevice function = VfioDevice.Open(_machine.Nodes, node))
        {
            using (new Owner(this, First, 0x11))
                Assert.Equal(Errno.EBUSY, Assert.Throws<IommuException>(() => function.Bind(context)).Errno);
            function.Bind(context);
        }

        using var one = new Owner(this, First, 0x11); // the program has left bus mastering off
        Assert.Equal(Done, one.Run(ToDevice));
    }

    [Fact]
    public void RemovalGivesEverythingBack()
    {
        for (int round = 0; round < 3; round++)
        {
            Create(First);
            Create(Second);
            Assert.Equal(Errno.ENOSPC, _machine.Write($"{Function}/mdev_supported_types/dmatest-1ch/create",
                "00000000-0000-0000-0000-000000000000")());
            Assert.Equal(2, _machine.Machine.Pasids.Count);
            var one = new Owner(this, First, 0x11);
            using var two = new Owner(this, Second, 0x22);
            Func<Errno?> answer = Remove(First);
            Assert.Null(answer());
            Assert.Equal(Done, one.Run(ToDevice)); // it goes on until its program lets it go
            one.Dispose();
            Assert.Equal(Errno.None, answer());
            Assert.Equal(Done, two.Run(ToDevice));
            Assert.Equal(1, _machine.Machine.Pasids.Count);
            Func<Errno?> second = Remove(Second);
            two.Dispose();
            Assert.Equal(Errno.None, second());
            Assert.Equal(0, _machine.Machine.Pasids.Count);
        }
    }

    /// <summary>The example of docs/mdev.md: a model of one's own whose type counts nothing.</summary>
    [Fact]
    public void AModelOfOnesOwnHasParts()
    {
        _machine.Machine.Plug(new Copiers(), "copiers", new RequesterId(0x1000, 0, 9, 0));
        const string types = "/sys/class/mdev_bus/1000:00:09.0";
        Assert.Equal("../../devices/pci1000:00/1000:00:09.0", Link(types));
        const string function = "/sys/devices/pci1000:00/1000:00:09.0";
        const string type = $"{function}/mdev_supported_types/copiers-1";
        Assert.Equal("8", _machine.Nodes.ReadAttribute($"{type}/available_instances"));
        Assert.Equal(Errno.None, _machine.Write($"{type}/create", First)());
        Assert.Equal("7", _machine.Nodes.ReadAttribute($"{type}/available_instances"));
        using var owner = new Owner(this, First, 0x77);
        owner.Registers.Write(0x00, s_at.Value);
        owner.Registers.Write(0x08, s_at.Value + 0x800);
        owner.Registers.Write(0x10, 4u);
        Assert.True(SpinWait.SpinUntil(() => owner.Memory.Read<byte>(0x800) == 0x77, TimeSpan.FromSeconds(30)));
    }

    [Fact]
    public void TheyGoWithTheirParent()
    {
        Create(First);
        Create(Second);
        using var two = new Owner(this, Second, 0x22);
        Take($"{Function}/remove");
        Assert.DoesNotContain(_machine.Machine.Paths.Keys, path => path.Contains(First, StringComparison.Ordinal)
            || path.Contains(Second, StringComparison.Ordinal) || path.Contains("mdev_", StringComparison.Ordinal));
        Assert.Equal(1, _machine.Machine.Pasids.Count);
        two.Dispose();
        Assert.Equal(0, _machine.Machine.Pasids.Count);
        Take("/sys/bus/pci/rescan");
        Create(First);
    }

    private void Create(string uuid) => Assert.Equal(
        Errno.None, _machine.Write($"{Function}/mdev_supported_types/dmatest-1ch/create", uuid)());

    private Func<Errno?> Remove(string uuid) => _machine.Write($"{Function}/{uuid}/remove", "1");

    private void Take(string path) => ((VirtualFile)_machine.Machine.Paths[path]).Take!("1"u8.ToArray());

    private string Link(string path) => Assert.IsType<VirtualLink>(_machine.Machine.Paths[path]).Target;

    /// <summary>A program with an mdev, attached to an IOAS with a page of memory in it.</summary>
    private sealed class Owner : IDisposable
    {
        internal Owner(PartTests tests, string uuid, byte value)
        {
            MdevMachine machine = tests._machine;
            Context = IommuContext.Open(machine.Nodes);
            Device = VfioDevice.Open(
                machine.Nodes, machine.Machine.Mdevs.Single(mdev => mdev.Uuid == Guid.Parse(uuid)).VfioNode);
            Device.Bind(Context);
            Ioas = Context.AllocateIoas();
            Device.Attach(Ioas);
            Device.EnableBusMaster();
            Memory = machine.Nodes.Allocate(4096);
            Memory.Write(0, value);
            Ioas.Map(Memory, at: s_at);
        }

        internal IommuContext Context { get; }

        internal VfioDevice Device { get; }

        internal Ioas Ioas { get; }

        internal UserMemory Memory { get; }

        internal VfioRegion Registers => Device.GetRegion(0);

        internal int Buffer => Device.GetRegion(2).Read<byte>(0);

        internal uint Run(uint command)
        {
            Registers.Write(0x00, s_at.Value);
            Registers.Write(0x10, 64u);
            Registers.Write(0x08, command);
            Assert.True(SpinWait.SpinUntil(
                () => (Registers.Read<uint>(0x08) & Start) == 0, TimeSpan.FromSeconds(30)));
            return Registers.Read<uint>(0x14);
        }

        public void Dispose()
        {
            Device.Dispose();
            Context.Dispose();
            Memory.Dispose();
        }
    }
}
