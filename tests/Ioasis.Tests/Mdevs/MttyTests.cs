using Ioasis.Abi;
using Ioasis.Client;

namespace Ioasis.Tests.Mdevs;

/// <summary>mtty as programs drive it, with the answers of Linux 7.2.</summary>
public sealed class MttyTests : IDisposable
{
    private const byte Ier = 1, Iir = 2, Lcr = 3, Mcr = 4, Lsr = 5, Msr = 6, Scr = 7;
    private readonly MdevMachine _machine = new();
    private readonly IommuContext _context;

    public MttyTests() => _context = IommuContext.Open(_machine.Nodes);

    public void Dispose()
    {
        _context.Dispose();
        _machine.Dispose();
    }

    [Theory]
    [InlineData("mtty-1", 1)]
    [InlineData("mtty-2", 2)]
    public void ItHasAnIoBarOf8BytesForEachPort(string type, int ports)
    {
        using VfioDevice device = Bind(type);
        VfioDeviceInfo info = device.GetInfo().Raw;
        Assert.Equal((VfioH.VFIO_DEVICE_FLAGS_PCI, 9u, 5u), (info.Flags, info.NumRegions, info.NumIrqs));
        for (uint index = 0; index < 9; index++)
        {
            VfioRegion region = device.GetRegion(index);
            Assert.Equal((3u, index < ports ? 8u : index == 7 ? 255u : 0u), (region.Raw.Flags, region.Size));
        }

        Assert.Equal(Errno.EINVAL, Refused(() => device.GetRegion(9)));
        VfioRegion config = device.GetRegion(7);
        Assert.Equal(0x32534348u, config.Read<uint>(0));
        Assert.Equal(0x07000210u, config.Read<uint>(8));
        Assert.Equal(0x32534348u, config.Read<uint>(0x2c));
        config.Write(0x10, uint.MaxValue);
        config.Write(0x14, uint.MaxValue);
        config.Write(0x18, uint.MaxValue);
        config.Write(4, (ushort)7);
        Assert.Equal(0xfffffff9, config.Read<uint>(0x10));
        Assert.Equal(ports == 2 ? 0xfffffff9 : 0, config.Read<uint>(0x14));
        Assert.Equal(0u, config.Read<uint>(0x18));
        Assert.Equal(1, config.Read<ushort>(4));
        config.Write(0x10, 0x3f8u);
        Assert.Equal(0x3f9u, config.Read<uint>(0x10));
        var whole = new byte[255];
        config.Read(0, whole);
        Assert.Equal(1, whole[0x3d]);
    }

    [Fact]
    public void BeyondTheEndIsNothing()
    {
        using VfioDevice device = Bind("mtty-1");
        Assert.Equal(Errno.EFAULT, Refused(() => device.GetRegion(7).Read<ulong>(255)));
        Assert.Equal(Errno.EFAULT, Refused(() => device.GetRegion(7).Read<ulong>(250)));
        Assert.Equal(Errno.EFAULT, Refused(() => device.GetRegion(0).Read<uint>(8)));
        Assert.Equal(Errno.EFAULT, Refused(() => device.GetRegion(1).Read<uint>(0)));
        Assert.Equal(Errno.EFAULT, Refused(() => device.GetRegion(8).Write(0, 1u)));
    }

    [Fact]
    public void WhatIsSentComesBack()
    {
        using VfioDevice device = Bind("mtty-2");
        VfioRegion one = device.GetRegion(0), two = device.GetRegion(1);
        Assert.Equal(0x60, one.Read<byte>(Lsr));
        one.Write(0, (byte)'A');
        two.Write(0, (byte)'B');
        Assert.Equal((0x01, 0x01), (one.Read<byte>(Lsr), two.Read<byte>(Lsr)));
        one.Write(0, (byte)'C'); // no room without FIFOs
        Assert.Equal(0x03, one.Read<byte>(Lsr));
        Assert.Equal(0x01, one.Read<byte>(Lsr)); // reading it clears the overrun
        Assert.Equal(((byte)'A', (byte)'B'), (one.Read<byte>(0), two.Read<byte>(0)));
        Assert.Equal(0x60, one.Read<byte>(Lsr));

        one.Write(Iir, (byte)0xc1); // FIFOs, trigger at 14
        for (byte i = 0; i < 17; i++) one.Write(0, i);
        Assert.Equal(0x03, one.Read<byte>(Lsr));
        for (byte i = 0; i < 16; i++) Assert.Equal(i, one.Read<byte>(0));
        Assert.Equal(0x60, one.Read<byte>(Lsr));

        one.Write(Lcr, (byte)0x83);
        one.Write(0, (byte)0x0c);
        one.Write(Ier, (byte)0x01);
        Assert.Equal((0x0c, 0x01), (one.Read<byte>(0), one.Read<byte>(Ier)));
        one.Write(Lcr, (byte)0x03);
        Assert.Equal((0, 0), (one.Read<byte>(0), one.Read<byte>(Ier)));
        one.Write(Scr, (byte)0x5a);
        Assert.Equal((0x5a, 0xb3), (one.Read<byte>(Scr), one.Read<byte>(Msr)));
        device.Reset();
        Assert.Equal((0, 0), (one.Read<byte>(Scr), one.Read<byte>(Lcr)));
    }

    [Fact]
    public void InterruptsAreRaisedAsTheyAreEnabled()
    {
        using VfioDevice device = Bind("mtty-1");
        VfioRegion port = device.GetRegion(0);
        using UserEvent raised = _machine.Nodes.CreateEvent();
        VfioInterrupt intx = device.GetInterrupt(0), msi = device.GetInterrupt(1);
        Assert.Equal((7u, 1u, 9u, 1u), (intx.Raw.Flags, intx.Count, msi.Raw.Flags, msi.Count));
        for (uint index = 2; index < 7; index++) Assert.Equal(Errno.EINVAL, Refused(() => device.GetInterrupt(index)));
        Assert.Equal(Errno.EINVAL, Refused(() => intx.Trigger()));
        intx.SetEvents(0, raised);
        port.Write(Ier, (byte)1);
        Assert.Equal(0xc1, port.Read<byte>(Iir));
        port.Write(0, (byte)'A');
        Assert.Equal(1u, raised.Wait(TimeSpan.FromSeconds(30)));
        Assert.Equal(0xc4, port.Read<byte>(Iir));
        Assert.Equal((byte)'A', port.Read<byte>(0));
        port.Write(0, (byte)'B'); // masked
        Assert.Equal(0u, raised.Wait(TimeSpan.Zero));
        intx.Unmask();
        Assert.Equal((byte)'B', port.Read<byte>(0));
        port.Write(0, (byte)'C');
        Assert.Equal(1u, raised.Wait(TimeSpan.FromSeconds(30)));
        Assert.Equal(Errno.EINVAL, Refused(() => msi.SetEvents(0, raised)));
        intx.SetEvents(0, [null]);
        msi.SetEvents(0, raised);
        Assert.Equal((byte)'C', port.Read<byte>(0));
        for (int i = 0; i < 2; i++) // MSI does not mask itself
        {
            port.Write(0, (byte)'D');
            Assert.Equal(1u, raised.Wait(TimeSpan.FromSeconds(30)));
            Assert.Equal((byte)'D', port.Read<byte>(0));
        }

        Assert.Equal(Errno.EINVAL, Refused(() => msi.SetEvents(0, raised, raised)));
        msi.Disable();
        port.Write(Mcr, (byte)3);
        port.Write(Ier, (byte)8);
        Assert.Equal(0u, raised.Wait(TimeSpan.Zero));
    }

    private static Errno Refused(Action call) => Assert.Throws<IommuException>(call).Errno;

    private VfioDevice Bind(string type)
    {
        VfioDevice device = _machine.Open(type, MdevMachine.First);
        device.Bind(_context);
        return device;
    }
}
