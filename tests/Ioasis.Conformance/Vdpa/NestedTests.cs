using Ioasis.Abi;
using Ioasis.Client;
using Ioasis.Conformance.Dma;
using Ioasis.Conformance.Targets;
using Ioasis.Memory;

namespace Ioasis.Conformance.Vdpa;

/// <summary>
/// Address spaces of vDPA devices that are translated in two stages: a guest's own tables, on a nest parent. Linux has
/// no such calls.
/// </summary>
public sealed class NestedTests : VdpaTest
{
    private const ulong GuestLength = 64 * Page, GuestData = 32 * Page, Data = 0x200000; // tables below GuestData
    private const ulong Outside = GuestLength; // guest-physical: one page that is mapped by itself
    private readonly IommuContext _context;
    private readonly Ioas _ioas;
    private readonly UserMemory _guest, _page;
    private readonly GuestTables _tables;
    private ulong _next = 2 * GuestLength; // guest-physical, for rings

    public NestedTests()
    {
        Target.Needs("vdpa-iommufd");
        _context = OpenContext();
        _ioas = _context.AllocateIoas();
        UserFile file = Own(Nodes.CreateFile(GuestLength));
        _guest = file.Memory;
        _ioas.MapFile(file, 0, GuestLength, at: Iova.Zero);
        _page = Pages(1);
        _ioas.Map(_page, at: At(Outside));
        _tables = new GuestTables(_guest);
    }

    [Fact]
    public void A_request_goes_through_both_stages_and_a_change_of_either_stops_it()
    {
        VdpaDevice disk = OpenBound(Disk);
        using var requests = new DiskRequest(disk, Nodes);
        AddToGuest(requests.Ring);
        ulong leaf = _tables.Map(Data, GuestData);
        _tables.Map(Data + Page, Outside);
        NestedHwpt nested = Attach(disk, 0);
        Negotiate(disk);
        requests.SetUp(isMapped: false);
        Run(disk);
        Assert.Equal(DiskRequest.Ok, requests.Ask(At(Data)));
        byte[] name = _guest.ToArray(GuestData, DiskRequest.NameLength);
        Assert.Contains(name, b => b != 0);
        Assert.Equal(DiskRequest.Ok, requests.Ask(At(Data + (2 * Page) - DiskRequest.NameLength)));
        Assert.Equal(name, _page.ToArray(Page - DiskRequest.NameLength, DiskRequest.NameLength));
        Assert.Equal(DiskRequest.Error, requests.Ask(At(GuestData))); // guest-physical: no IOVA leads there

        _ioas.Unmap(At(Outside), Page);
        _page.Clear();
        Assert.Equal(DiskRequest.Error, requests.Ask(At(Data + Page)));
        Assert.Equal(0, _page.Read<byte>());
        _ioas.Map(_page, at: At(Outside));
        Assert.Equal(DiskRequest.Ok, requests.Ask(At(Data + Page)));

        _guest.Write(GuestData, 0ul);
        _tables[leaf] = 0;
        nested.Invalidate(At(Data), 1, leafOnly: true);
        Assert.Equal(DiskRequest.Error, requests.Ask(At(Data)));
        Assert.Equal(0ul, _guest.Read<ulong>(GuestData));
        _tables[leaf] = (GuestData + Page) | GuestTables.All;
        nested.Invalidate(At(Data), 1, leafOnly: true);
        Assert.Equal(DiskRequest.Ok, requests.Ask(At(Data)));
        Assert.Equal(name, _guest.ToArray(GuestData + Page, DiskRequest.NameLength));
        Assert.Equal(0ul, _guest.Read<ulong>(GuestData));
        Assert.Equal(Acknowledge | Driver | FeaturesOk | DriverOk, disk.GetStatus());
    }

    /// <summary>Frames use the IOAS; commands use the guest's tables, at the same IOVAs.</summary>
    [Fact]
    public void Groups_of_a_card_have_tables_of_their_own()
    {
        const ulong ControlQueue = 1 << 17, ControlMac = 1 << 23, RingIova = 0x300000;
        VdpaDevice card = OpenBound(Net);
        card.Attach(_ioas);
        NestedHwpt nested = Attach(card, 1);
        card.SetAddressSpace(1, 1);
        Negotiate(card, ControlQueue | ControlMac);
        using var receive = new SplitRing(Nodes, card.GetQueue(0), RingIova);
        using var send = new SplitRing(Nodes, card.GetQueue(1), RingIova + SplitRing.Length);
        using var control = new SplitRing(Nodes, card.GetQueue(2), RingIova);
        foreach (SplitRing ring in (SplitRing[])[receive, send]) _ioas.Map(ring.Memory, at: ring.Iova);
        AddToGuest(control);
        ulong leaf = _tables.Map(Data, GuestData);
        foreach (SplitRing ring in (SplitRing[])[receive, send, control]) ring.SetUp();
        Run(card);

        byte[] address = [0x52, 0x54, 0, 1, 2, 3];
        _guest.CopyFrom(GuestData, [1, 1, .. address]); // class and command: set the address
        Assert.Equal(0, Command());
        Assert.Equal(address, card.ReadConfig(0, 6));
        SendFrame(1);

        _tables[leaf] = 0;
        nested.Invalidate(At(Data), 1, leafOnly: true);
        Assert.Equal(1, Command());
        SendFrame(2);
        _ioas.Unmap(At(2 * GuestLength), SplitRing.Length); // the ring of commands
        using UserEvent changed = Nodes.CreateEvent();
        card.SetConfigEvent(changed);
        control.Offer(new(Data, 8), new(control.At(SplitRing.Room), 1, IsWritten: true));
        control.Kick();
        Assert.NotEqual(0ul, changed.Wait(Patience));
        Assert.Equal(NeedsReset, card.GetStatus() & NeedsReset);

        byte Command()
        {
            control.Memory.Write(SplitRing.Room, (byte)0xff);
            control.Offer(new(Data, 8), new(control.At(SplitRing.Room), 1, IsWritten: true));
            control.Kick();
            control.WaitForUsed();
            return control.Memory.Read<byte>(SplitRing.Room);
        }

        void SendFrame(int seed)
        {
            const int header = 12, length = 100;
            byte[] frame = [.. address, .. address, 0x88, 0xb5, .. Pattern(length - 14, seed)];
            receive.Memory.CopyFrom(SplitRing.Room, new byte[header + length]);
            send.Memory.CopyFrom(SplitRing.Room, [.. new byte[header], .. frame]);
            receive.Offer(new RingPart(receive.At(SplitRing.Room), 2048, IsWritten: true));
            receive.Kick();
            send.Offer(new RingPart(send.At(SplitRing.Room), header + length));
            send.Kick();
            receive.WaitForUsed();
            send.WaitForUsed();
            Assert.Equal((uint)(header + length), receive.WrittenBytes);
            Assert.Equal(frame, receive.Memory.ToArray(SplitRing.Room + header, length));
        }
    }

    private VdpaDevice OpenBound(uint kind)
    {
        VdpaDevice device = OpenOwned(kind);
        device.Bind(_context);
        Assert.SkipUnless(Nesting.IsOf(_context, device), "The unit has no nested translation.");
        return device;
    }

    private NestedHwpt Attach(VdpaDevice device, int addressSpace)
    {
        Hwpt parent = _context.AllocateHwpt(device, _ioas, HwptOptions.NestParent);
        NestedHwpt nested =
            _context.AllocateNestedHwpt(device, parent, new IommuHwptVtdS1 { AddrWidth = 48 });
        Fails(Errno.EINVAL, () => _context.AllocateNestedHwpt(device, nested, new IommuHwptVtdS1 { AddrWidth = 48 }));
        device.Attach(nested, addressSpace);
        Fails(Errno.EBUSY, nested.Destroy);
        return nested;
    }

    /// <summary>The guest has a ring at guest-physical addresses of its own, and enters it in its tables.</summary>
    private void AddToGuest(SplitRing ring)
    {
        _ioas.Map(ring.Memory, at: At(_next));
        for (ulong offset = 0; offset < SplitRing.Length; offset += Page) _tables.Map(ring.At(offset), _next + offset);
        _next += SplitRing.Length;
    }
}
