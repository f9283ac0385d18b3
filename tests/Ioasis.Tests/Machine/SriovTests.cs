using System.Text;
using Ioasis.Abi;
using Ioasis.Client;
using Ioasis.Core.Domains;
using Ioasis.Machine;
using Ioasis.Machine.Description;
using Ioasis.Machine.Nodes;
using Ioasis.Machine.Sysfs;
using Ioasis.Memory;

namespace Ioasis.Tests.Machine;

/// <summary>
/// Virtual functions come and go by sriov_numvfs, each a device by itself (Linux: drivers/pci/iov.c, vfio_pci_core.c).
/// </summary>
public sealed class SriovTests : IDisposable
{
    private const string Physical = "1000:00:05.0", Directory = "/sys/devices/pci1000:00/" + Physical;
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(30);
    private static readonly Guid s_token = new("52ac9bff-3a88-4fbd-901a-0d767c3b6c97"),
        s_other = new("88594674-90a0-47a9-aea8-9d9b352ac08a");
    private static readonly RequesterId s_physical = new(0x1000, 0, 5, 0), s_first = new(0x1000, 0, 0x15, 0),
        s_second = new(0x1000, 0, 0x15, 1);

    private readonly SoftwareMachine _machine =
        SoftwareMachine.Create(MachineDescription.Default.WithDevice($"dmatest@{Physical},virtualFunctions=4"));
    private readonly NodeTransport _nodes;

    public SriovTests() => _nodes = NodeTransport.InProcess(_machine);

    public void Dispose()
    {
        _nodes.Dispose();
        _machine.Dispose();
    }

    [Theory]
    [InlineData("", Errno.EINVAL)]
    [InlineData("\n", Errno.EINVAL)]
    [InlineData("x", Errno.EINVAL)]
    [InlineData("-1", Errno.EINVAL)]
    [InlineData(" 1", Errno.EINVAL)]
    [InlineData("1 ", Errno.EINVAL)]
    [InlineData("1\n\n", Errno.EINVAL)]
    [InlineData("0x", Errno.EINVAL)]
    [InlineData("08", Errno.EINVAL)]
    [InlineData("65536", Errno.EINVAL)]
    [InlineData("0x10000", Errno.EINVAL)]
    [InlineData("5", Errno.ERANGE)]
    [InlineData("65535", Errno.ERANGE)]
    [InlineData("0", Errno.None)]
    [InlineData("1\n", Errno.None)]
    [InlineData("+2", Errno.None)]
    [InlineData("0x3", Errno.None)]
    [InlineData("04\n", Errno.None)]
    [InlineData("2\03", Errno.None)]
    public void ANumberIsReadAsLinuxReadsIt(string text, Errno errno)
    {
        Assert.Equal(errno, Write(text));
        Assert.True(SysfsNumber.TryParse(Encoding.ASCII.GetBytes(text), out ushort count) || errno == Errno.EINVAL);
        Assert.Equal(errno == Errno.None ? count : 0,
            int.Parse(_nodes.ReadAttribute($"{Directory}/sriov_numvfs"), null));
    }

    [Fact]
    public void WhatIsNotEnabledIsNotThere()
    {
        string[] before = [.. _machine.Paths.Keys.Order(StringComparer.Ordinal)];
        Assert.DoesNotContain(before, path => path.Contains("1000:00:15", StringComparison.Ordinal)
            || path.Contains("virtfn", StringComparison.Ordinal));
        Assert.Equal(Errno.None, Write("2"));
        Assert.Equal(5, _machine.Devices.Count);
        Assert.Equal(Errno.None, Write("0"));
        Assert.Equal(before, _machine.Paths.Keys.Order(StringComparer.Ordinal));
        Assert.Equal(3, _machine.Devices.Count);
    }

    [Fact]
    public void AVirtualFunctionIsADeviceOfSysfs()
    {
        Assert.Equal(Errno.None, Write("2"));
        Assert.Equal("../1000:00:15.1", Link($"{Directory}/virtfn1"));
        const string second = "/sys/devices/pci1000:00/1000:00:15.1";
        Assert.Equal("../" + Physical, Link($"{second}/physfn"));
        Assert.Equal("../../../bus/pci/drivers/vfio-pci", Link($"{second}/driver"));
        Assert.Equal("../../../kernel/iommu_groups/4", Link($"{second}/iommu_group"));
        Assert.Equal("0x11ea", _nodes.ReadAttribute($"{second}/device"));
        Assert.IsType<VirtualDevice>(_machine.Paths["/dev/vfio/devices/vfio4"]);
        Assert.IsType<VirtualDevice>(_machine.Paths["/dev/vfio/4"]);
        Assert.Equal(["128", "1", "11ea", "4"], ((string[])["offset", "stride", "vf_device", "totalvfs"])
            .Select(name => _nodes.ReadAttribute($"{Directory}/sriov_{name}")));
        foreach (VirtualLink link in _machine.Paths.Values.OfType<VirtualLink>())
            Assert.Contains(Path.GetFullPath(Path.Combine(Path.GetDirectoryName(link.Path)!, link.Target)),
                _machine.Paths);
        Assert.DoesNotContain(_machine.Paths.Keys,
            path => path.Contains("1000:00:04.0/sriov", StringComparison.Ordinal));
    }

    [Fact]
    public void AnotherNumberIsRefusedWhileAnyAreEnabled()
    {
        Assert.Equal(Errno.None, Write("2"));
        Assert.Equal(Errno.None, Write("2"));
        Assert.Equal(Errno.EBUSY, Write("3"));
        Assert.Equal(Errno.EBUSY, Write("1"));
        Assert.Equal(Errno.ERANGE, Write("5"));
        Assert.Equal(Errno.None, Write("0"));
        Assert.Equal(Errno.None, Write("3"));
    }

    [Fact]
    public void ThoseThatAreInUseLeaveWhenTheyAreClosed()
    {
        Assert.Equal(Errno.None, Write("2"));
        VfioGroup group = VfioGroup.Open(_nodes, 3);
        using var context = IommuContext.Open(_nodes);
        using VfioDevice device = VfioDevice.Open(_nodes, s_second), unbound = VfioDevice.Open(_nodes, s_second);
        using (VfioDevice physical = VfioDevice.Open(_nodes, s_physical)) physical.Bind(context, s_token);
        device.Bind(context, s_token);
        using UserEvent asked = _nodes.CreateEvent();
        device.GetInterrupt(VfioH.VFIO_PCI_REQ_IRQ_INDEX).SetEvents(0, asked);

        Errno? answer = null, next = null, afterwards = null;
        Store("0", errno => answer = errno);
        Assert.Equal(1UL, asked.Wait(s_patience)); // and to be let go it is asked
        Store("3", errno => next = errno);
        Store("1", errno => afterwards = errno);
        Assert.Equal((null, null, null), (answer, next, afterwards));
        Assert.DoesNotContain(_machine.Paths.Keys, path => path.Contains("1000:00:15", StringComparison.Ordinal)
            || path.EndsWith("/vfio4", StringComparison.Ordinal));
        Assert.Equal("2", _nodes.ReadAttribute($"{Directory}/sriov_numvfs"));
        Assert.NotEqual(0u, device.GetInfo().Raw.NumRegions); // it works until it is closed

        device.Dispose();
        Assert.Null(answer);
        unbound.Dispose();
        Assert.Equal((Errno.None, Errno.None, Errno.EBUSY), (answer, next, afterwards));
        Assert.Equal("3", _nodes.ReadAttribute($"{Directory}/sriov_numvfs"));

        // The group of a function that has left stays gone, whatever has its number now.
        Assert.Equal(Errno.ENODEV, Assert.Throws<IommuException>(() => group.GetStatus()).Errno);
        using VfioGroup anew = VfioGroup.Open(_nodes, 3);
        Assert.Equal(VfioGroupStates.Viable, anew.GetStatus());
        group.Dispose();
    }

    [Fact]
    public void WritersThatWaitAreNotGatheredWithoutEnd()
    {
        Assert.Equal(Errno.None, Write("1"));
        int refused = 0, done = 0;
        using (VfioDevice.Open(_nodes, s_first))
        {
            for (int i = 0; i < 2000; i++)
            {
                Store("0", errno =>
                {
                    if (errno == Errno.EBUSY) refused++;
                    else done++;
                });
            }

            Assert.Equal((2000 - 1024, 0), (refused, done));
        }

        Assert.Equal((2000 - 1024, 1024), (refused, done));
        Assert.Equal(Errno.None, Write("2"));
    }

    [Fact]
    public void ANodeThatWasFoundBeforeItsFunctionLeftIsNotOpened()
    {
        Assert.Equal(Errno.None, Write("1"));
        var found = (VirtualDevice)_machine.Paths["/dev/vfio/devices/vfio3"];
        var group = (VirtualDevice)_machine.Paths["/dev/vfio/3"];
        Assert.Equal(Errno.None, Write("0"));
        Assert.Equal(Errno.ENODEV, found.Node.Open(new Vfio.FakeCarrier(), out _));
        Assert.Equal(Errno.ENODEV, group.Node.Open(new Vfio.FakeCarrier(), out _));
    }

    [Fact]
    public void TheTokenIsAskedForByTheNodeAndByTheGroup()
    {
        Assert.Equal(Errno.None, Write("2"));
        using var context = IommuContext.Open(_nodes);
        using VfioDevice physical = VfioDevice.Open(_nodes, s_physical), virtual0 = VfioDevice.Open(_nodes, s_first);
        Assert.Equal(Errno.EACCES, Refused(() => virtual0.Bind(context)));
        physical.Bind(context, s_token);
        Assert.Equal(Errno.EACCES, Refused(() => virtual0.Bind(context)));
        Assert.Equal(Errno.EACCES, Refused(() => virtual0.Bind(context, s_other)));
        virtual0.Bind(context, s_token);

        using (VfioGroup group = VfioGroup.Open(_nodes, 4))
        {
            group.SetContainer(context);
            Assert.Equal(Errno.EACCES, Refused(() => group.OpenDevice(s_second)));
            Assert.Equal(Errno.EACCES, Refused(() => group.OpenDevice(s_second, s_other)));
            Assert.Equal(Errno.EINVAL, group.TryOpenDevice($"{s_second} vf_token={s_token:D} x").Errno);
            Assert.Equal(Errno.ENODEV, group.TryOpenDevice($"{s_second}x").Errno);
            group.OpenDevice(s_second, s_token).Dispose();
        }

        physical.SetVfToken(s_other);
        physical.Dispose();
        using VfioDevice again = VfioDevice.Open(_nodes, s_physical);
        Assert.Equal(Errno.EACCES, Refused(() => again.Bind(context))); // one is in use
        Assert.Equal(Errno.EACCES, Refused(() => again.Bind(context, s_token)));
        again.Bind(context, s_other);
        again.Dispose();
        virtual0.Dispose();
        using VfioDevice last = VfioDevice.Open(_nodes, s_physical);
        last.Bind(context); // none is
        Assert.Equal(Errno.ENOTTY, VirtualRefusesAToken(context));
    }

    [Fact]
    public void EachReachesWhatIsMappedForItAndNothingElse()
    {
        const ulong iova = 0x100000, length = 64;
        Assert.Equal(Errno.None, Write("2"));
        using var context = IommuContext.Open(_nodes);
        using VfioDevice physical = VfioDevice.Open(_nodes, s_physical), one = VfioDevice.Open(_nodes, s_first),
            two = VfioDevice.Open(_nodes, s_second);
        physical.Bind(context, s_token);
        UserMemory[] memory = new UserMemory[3];
        VfioDevice[] devices = [physical, one, two];
        for (int i = 0; i < devices.Length; i++)
        {
            if (i > 0) devices[i].Bind(context, s_token);
            Ioas ioas = context.AllocateIoas();
            memory[i] = _nodes.Allocate(4096);
            ioas.Map(memory[i].Address, 4096, MapAccess.ReadWrite, new Iova(iova + ((ulong)i * 4096)));
            devices[i].Attach(ioas);
            devices[i].EnableBusMaster();
            VfioRegion buffer = devices[i].GetRegion(VfioH.VFIO_PCI_BAR2_REGION_INDEX);
            buffer.Write(0, (byte)(i + 1));
        }

        for (int i = 0; i < devices.Length; i++)
        {
            for (int at = 0; at < devices.Length; at++)
                Assert.Equal(at == i ? 1u : 2u, Copy(devices[i], iova + ((ulong)at * 4096), (uint)length));
            Assert.Equal((byte)(i + 1), memory[i].Read<byte>());
        }
    }

    [Theory]
    [InlineData("dmatest@1000:00:06.0,virtualFunctions=65", "device \"dmatest@1000:00:06.0,virtualFunctions=65\": "
        + "\"virtualFunctions\" is a number from 0 to 64, not \"65\".")]
    [InlineData("dmatest,functions=1", "device \"dmatest,functions=1\": "
        + "\"functions=1\" is not a property of dmatest; expected one of: virtualFunctions=VALUE, pageRequests=VALUE, "
        + "mdevs=VALUE.")]
    [InlineData("dmatest,virtualFunctions=1,virtualFunctions=1",
            "device \"dmatest,virtualFunctions=1,virtualFunctions=1\": virtualFunctions given twice.")]
    public void WhatAModelCannotBeToldIsRefused(string text, string message) =>
        Assert.Equal(message, Assert.Throws<MachineDescriptionException>(
            () => MachineDescription.Default.WithDevice(text)).Message);

    [Theory]
    [InlineData("1000:00:05.0",
        "1000:00:15.1 is taken by 1000:00:15.1; virtual function 1 of 1000:00:05.0 cannot have it too.")]
    [InlineData("0000:ff:1f.0", "Virtual function 0 of 0000:ff:1f.0 lies beyond bus ff.")]
    public void AVirtualFunctionNeedsAnAddressOfItsOwn(string physical, string message)
    {
        MachineDescription description = MachineDescription.Default.WithDevice("edu@1000:00:15.1")
            .WithDevice($"dmatest@{physical},virtualFunctions=2");
        Assert.Equal(
            message, Assert.Throws<MachineDescriptionException>(() => SoftwareMachine.Create(description)).Message);
    }

    private Errno VirtualRefusesAToken(IommuContext context)
    {
        using VfioDevice device = VfioDevice.Open(_nodes, s_second);
        using VfioDevice physical = VfioDevice.Open(_nodes, s_first);
        Assert.Equal(Errno.EACCES, Refused(() => physical.Bind(context, s_token)));
        device.Bind(context, s_other);
        return Refused(() => device.SetVfToken(s_token));
    }

    private static uint Copy(VfioDevice device, ulong iova, uint length)
    {
        VfioRegion registers = device.GetRegion(VfioH.VFIO_PCI_BAR0_REGION_INDEX);
        registers.Write(0x00, iova);
        registers.Write(0x10, length);
        registers.Write(0x08, 1u);
        Assert.True(SpinWait.SpinUntil(() => registers.Read<uint>(0x08) == 0, s_patience));
        return registers.Read<uint>(0x14);
    }

    private string Link(string path) => Assert.IsType<VirtualLink>(_machine.Paths[path]).Target;

    private static Errno Refused(Action action) => Assert.Throws<IommuException>(action).Errno;

    private void Store(string text, Action<Errno> answer) =>
        ((VirtualFile)_machine.Paths[$"{Directory}/sriov_numvfs"]).Store!(Encoding.ASCII.GetBytes(text), answer);

    private Errno Write(string text)
    {
        Errno? result = null;
        Store(text, errno => result = errno);
        return result!.Value;
    }
}
