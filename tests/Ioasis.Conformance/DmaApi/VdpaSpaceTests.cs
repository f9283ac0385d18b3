using Ioasis.Abi;
using Ioasis.Client;
using Ioasis.Client.Drivers;
using Ioasis.Conformance.Vdpa;
using Ioasis.Core;
using Ioasis.Core.DmaApi;
using Ioasis.Memory;

namespace Ioasis.Conformance.DmaApi;

/// <summary>
/// A vDPA network card whose rings, frames and commands the DMA API maps: frames in one address space, commands in
/// another one.
/// </summary>
public sealed class VdpaSpaceTests : VdpaTest
{
    private const ulong ControlQueue = 1 << 17, ControlMac = 1 << 23; // features
    private const int Header = 12, Frame = 100;

    [Fact]
    public void Address_spaces_have_addresses_and_mappings_of_their_own()
    {
        VdpaDevice card = OpenOwned(Net);
        card.SetAddressSpace(1, 1);
        Negotiate(card, ControlQueue | ControlMac);
        using var frames = new DmaDevice(VdpaDmaSpace.Of(card), "frames");
        using var commands = new DmaDevice(VdpaDmaSpace.Of(card, 1), "commands");
        using SplitRing receive = NewRing(card, 0, frames, out DmaBuffer receiveMemory),
            send = NewRing(card, 1, frames, out DmaBuffer sendMemory),
            control = NewRing(card, 2, commands, out DmaBuffer controlMemory);
        Assert.Equal(receive.Iova, control.Iova); // the first address of each
        Run(card);

        byte[] address = [0x52, 0x54, 0, 1, 2, 3], command = [1, 1, .. address]; // class, command: set the address
        DmaMapping mapping = Map(commands, command, DmaDirection.ToDevice);
        Iova at = mapping.Address;
        Assert.Equal(0, Ask());
        Assert.Equal(address, card.ReadConfig(0, 6));

        byte[] sent = [.. new byte[Header], .. address, .. address, 0x88, 0xb5, .. Pattern(Frame - 14, 1)];
        var received = new byte[2048];
        DmaMapping outgoing = Map(frames, sent, DmaDirection.ToDevice),
            incoming = Map(frames, received, DmaDirection.FromDevice);
        receive.Offer(new RingPart(incoming.Address.Value, (uint)received.Length, IsWritten: true));
        receive.Kick();
        send.Offer(new RingPart(outgoing.Address.Value, (uint)sent.Length));
        send.Kick();
        receive.WaitForUsed();
        send.WaitForUsed();
        outgoing.Dispose();
        incoming.Dispose();
        Assert.Equal((uint)sent.Length, receive.WrittenBytes);
        Assert.Equal(sent[Header..], received[Header..sent.Length]);

        // What is mapped at the same address of the other space is no help.
        mapping.Dispose();
        ulong within = at.Value - send.Iova.Value;
        Assert.InRange(within, 0UL, SplitRing.Length - (ulong)command.Length); // the second ring's, after its queue
        sendMemory.Bytes.CopyFrom(within, command);
        Assert.Equal(1, Ask());

        card.SetStatus(0);
        foreach (DmaBuffer buffer in (DmaBuffer[])[receiveMemory, sendMemory, controlMemory]) buffer.Dispose();

        byte Ask()
        {
            controlMemory.Bytes.Write(SplitRing.Room, (byte)0xff);
            control.Offer(new(at.Value, (uint)command.Length), new(control.At(SplitRing.Room), 1, IsWritten: true));
            control.Kick();
            control.WaitForUsed();
            return controlMemory.Bytes.Read<byte>(SplitRing.Room);
        }
    }

    [Fact]
    public void A_refused_mapping_is_BadMemory_and_leaves_nothing()
    {
        VdpaDevice card = Open(Net); // without an owner nothing can be mapped
        using var dma = new DmaDevice(VdpaDmaSpace.Of(card), "card");
        Assert.Equal(IommuStatus.BadMemory, dma.Map(new byte[8].AsMemory(), DmaDirection.ToDevice, out _));
        Assert.Equal(IommuStatus.BadMemory, dma.AllocateCoherent(Page, out DmaBuffer? buffer));
        Assert.Null(buffer);
        Assert.Equal(0, dma.Live);
    }

    [Fact]
    public void Addresses_lie_in_the_devices_range()
    {
        VdpaDevice card = OpenOwned(Net);
        IovaRange range = card.GetIovaRange();
        VdpaDmaSpace space = VdpaDmaSpace.Of(card);
        Assert.Equal((card, 0), (space.Device, space.AddressSpace));
        using var dma = new DmaDevice(space, "card", new DmaDeviceOptions { Uses64BitsAtOnce = true });
        foreach (int bits in (int[])[64, 20])
        {
            Assert.Equal(IommuStatus.Ok, dma.SetCoherentMask(bits));
            Assert.Equal(IommuStatus.Ok, dma.AllocateCoherent(3 * Page, out DmaBuffer? buffer));
            Assert.InRange(buffer!.Address.Value, range.First, range.Last - ((3 * Page) - 1));
            buffer.Dispose();
        }

        Fails(Errno.EFAULT, () => card.Unmap(At(Page), Page, 1)); // nothing was ever mapped in another space
    }

    private SplitRing NewRing(VdpaDevice card, int queue, DmaDevice dma, out DmaBuffer memory)
    {
        Assert.Equal(IommuStatus.Ok, dma.AllocateCoherent(SplitRing.Length, out DmaBuffer? buffer));
        memory = buffer!;
        var ring = new SplitRing(Nodes, card.GetQueue(queue), memory.Bytes, memory.Address);
        ring.SetUp();
        return ring;
    }

    private static DmaMapping Map(DmaDevice device, byte[] bytes, DmaDirection direction)
    {
        Assert.Equal(IommuStatus.Ok, device.Map(bytes.AsMemory(), direction, out DmaMapping mapping));
        return mapping;
    }
}
