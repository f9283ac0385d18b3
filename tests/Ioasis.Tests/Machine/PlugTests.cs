using Ioasis.Abi;
using Ioasis.Devices;
using Ioasis.Machine;
using Ioasis.Machine.Description;
using Ioasis.Memory;

namespace Ioasis.Tests.Machine;

/// <summary>A device that cannot be plugged in changes nothing.</summary>
public sealed class PlugTests : IDisposable
{
    private static readonly RequesterId s_address = new(0, 0, 9, 0);
    private readonly SoftwareMachine _machine = SoftwareMachine.Create(MachineDescription.Default);

    public void Dispose() => _machine.Dispose();

    [Theory]
    [InlineData(9, 4096UL)] // no BAR has that number
    [InlineData(0, 0x8000_0000UL)] // and this one is too large for where 32-bit BARs are
    public void ItsPlaceIsAsItWas(int bar, ulong size)
    {
        string[] paths = [.. _machine.Paths.Keys.Order(StringComparer.Ordinal)];
        Assert.Throws<ArgumentException>(
            () => _machine.Plug(new Model([new Bar { Index = bar, Size = size }]), "bad", s_address));
        Assert.Equal(paths, _machine.Paths.Keys.Order(StringComparer.Ordinal));

        // A good one gets what it would have got: address, group, minor number and BARs.
        using SoftwareMachine untouched = SoftwareMachine.Create(MachineDescription.Default);
        MachineDevice here = _machine.Plug(new EduDevice(), "edu", s_address),
            there = untouched.Plug(new EduDevice(), "edu", s_address);
        Assert.Equal((there.Group, there.VfioNode), (here.Group, here.VfioNode));
        Assert.Equal(there.BarAddresses, here.BarAddresses);
        Assert.Single(here.Endpoint.Group.Endpoints);
    }

    [Fact]
    public void AModelThatThrowsWhenItIsPluggedInIsUnplugged()
    {
        Assert.Throws<NotImplementedException>(() =>
            _machine.Plug(new Model([]) { OnPlug = () => throw new NotImplementedException() }, "bad", s_address));
        _machine.Plug(new EduDevice(), "edu", s_address);
    }

    [Fact]
    public void AnAddressThatIsTakenTakesNoneOfTheVirtualFunctions()
    {
        // The third of its virtual functions would be where the machine's first device is.
        var layout = new SriovLayout(3, Virtual()) { FirstVfOffset = 1, VfStride = 8 };
        RequesterId first = _machine.Devices[0].Requester;
        var before = new RequesterId(first.Segment, first.Bus, (byte)(first.Device - 3), 7);
        ArgumentException refused =
            Assert.Throws<ArgumentException>(() => _machine.Plug(new Model([]) { Sriov = layout }, "bad", before));
        Assert.Contains("is taken by", refused.Message, StringComparison.Ordinal);
        _machine.Plug(new EduDevice(), "edu", before);
        _machine.Plug(new EduDevice(), "edu", PciSriov.AddressOf(before, layout, 0));
    }

    [Fact]
    public void VirtualFunctionsComeAllOrNone()
    {
        int made = 0, failing = 1;
        var model = new Model([])
        {
            Sriov = new SriovLayout(2, Virtual()),
            NewVirtual = () =>
                new Model([]) { OnPlug = () => { if (made++ == failing) throw new NotImplementedException(); } },
        };
        MachineDevice physical = _machine.Plug(model, "many", s_address);
        int devices = _machine.Devices.Count;
        Assert.Throws<NotImplementedException>(() => physical.Sriov!.Store("2"u8, _ => { }));
        Assert.Equal((devices, 0), (_machine.Devices.Count, physical.Sriov!.NumVfs));
        Assert.DoesNotContain(_machine.Paths.Keys, path => path.Contains("virtfn", StringComparison.Ordinal));

        failing = -1;
        Errno errno = Errno.EINVAL;
        physical.Sriov.Store("2"u8, answer => errno = answer);
        Assert.Equal((Errno.None, devices + 2, 2), (errno, _machine.Devices.Count, physical.Sriov.NumVfs));
    }

    private static PciFunction Virtual() =>
        new() { VendorId = 1, DeviceId = 2, ClassCode = 0xff, Bars = [], IsVirtual = true };

    private sealed class Model(IReadOnlyList<Bar> bars) : PciDeviceModel
    {
        internal SriovLayout? Sriov { get; init; }

        internal Action? OnPlug { get; init; }

        internal Func<PciDeviceModel>? NewVirtual { get; init; }

        public override PciFunction Function =>
            new() { VendorId = 1, DeviceId = 1, ClassCode = 0xff, Bars = bars, Sriov = Sriov };

        public override void Plug(IPciSlot slot) => OnPlug?.Invoke();

        public override void Ring(int bar, Register register, ulong value)
        {
        }

        public override void Reset()
        {
        }

        public override void Unplug()
        {
        }

        public override PciDeviceModel CreateVirtualFunction() => NewVirtual!();
    }
}
