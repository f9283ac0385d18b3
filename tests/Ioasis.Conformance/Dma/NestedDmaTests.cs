using Ioasis.Abi;
using Ioasis.Client;
using static Ioasis.Conformance.Dma.GuestTables;

namespace Ioasis.Conformance.Dma;

/// <summary>DMA through a first stage of the program's own, built by hand, on a nest parent.</summary>
public class NestedDmaTests : UapiTest
{
    private const ulong GuestLength = 4 << 20, Data = 2 << 20; // guest-physical: tables below, data above
    private readonly IommuContext _context;
    private readonly Ioas _ioas;
    private readonly VfioDevice _device;
    private readonly DmatestEngine _engine;
    private readonly Hwpt _parent;
    private readonly UserMemory _memory;
    private readonly GuestTables _tables;

    public NestedDmaTests() : this(onMdev: false)
    {
    }

    private protected NestedDmaTests(bool onMdev)
    {
        _context = OpenContext();
        _ioas = _context.AllocateIoas();
        _device = OpenBound(onMdev ? MdevNode : DmatestNode, _context);
        _device.Reset();
        _engine = new DmatestEngine(_device);
        Assert.SkipUnless(Nesting.IsOf(_context, _device), "The unit has no nested translation.");
        _parent = _context.AllocateHwpt(_device, _ioas, HwptOptions.NestParent);
        UserFile file = Own(Nodes.CreateFile(GuestLength));
        _memory = file.Memory;
        _ioas.MapFile(file, 0, GuestLength, at: Memory.Iova.Zero);
        _tables = new GuestTables(_memory);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void A_leaf_of_each_size_leads_to_the_guest_s_memory(int level)
    {
        const ulong iova = 0x7f_c000_0000, offset = Data + 0x1000;
        ulong leaf = _tables.Map(
            iova + (level == 1 ? offset : level == 2 ? Data : 0), level == 1 ? offset : level == 2 ? Data : 0, level);
        Attach();
        _memory.CopyFrom(offset, Pattern(4096, 1));
        Done(iova + offset, DmatestEngine.ToDevice);
        Assert.Equal(Pattern(4096, 1), _engine.Buffer);
        Assert.Equal(Accessed, _tables[leaf] & (Accessed | Dirty));

        _engine.Buffer = Pattern(4096, 2);
        Done(iova + offset, 0);
        Assert.Equal(Pattern(4096, 2), _memory.ToArray(offset, 4096));
        Assert.Equal(Accessed | Dirty, _tables[leaf] & (Accessed | Dirty));
        Assert.Equal(Accessed, _tables[_tables.EntryAt(iova, 4)] & (Accessed | Dirty));
    }

    [Fact]
    public void A_transfer_goes_where_each_page_leads()
    {
        _tables.Map(0x1000, Data + 0x5000);
        _tables.Map(0x2000, Data + 0x3000);
        Attach();
        _memory.CopyFrom(Data + 0x5800, Pattern(2048, 3));
        _memory.CopyFrom(Data + 0x3000, Pattern(2048, 4));
        Done(0x1800, DmatestEngine.ToDevice);
        Assert.Equal([.. Pattern(2048, 3), .. Pattern(2048, 4)], _engine.Buffer);
    }

    [Fact]
    public void What_an_entry_does_not_permit_is_refused()
    {
        _tables.Map(0x1000, Data, flags: Present | User);
        _tables.Map(0x2000, Data, flags: Present | Write); // the supervisor's
        _tables.Map(0x3000, Data, flags: Write | User); // not present
        _tables.Map(0x4000, Data);
        _tables.Map(0x5000, GuestLength); // no memory
        _tables.Map(0x6000, Data | (1ul << 48)); // beyond the second stage
        Attach();
        _memory.CopyFrom(Data, Pattern(4096, 5));
        Done(0x1000, DmatestEngine.ToDevice);
        Refused(0x1000, 0, DmatestEngine.NoPermission);
        Refused(0x2000, DmatestEngine.ToDevice, DmatestEngine.NoPermission);
        Refused(0x3000, DmatestEngine.ToDevice, DmatestEngine.NotMapped);
        Refused(0x5000, 0, DmatestEngine.NotMapped);
        Refused(0x6000, DmatestEngine.ToDevice, BadTable);
        Refused(0x7000, DmatestEngine.ToDevice, DmatestEngine.NotMapped);
        Refused(1ul << 47, DmatestEngine.ToDevice, DmatestEngine.BeyondWidth); // not canonical
        Assert.Equal(Pattern(4096, 5), _memory.ToArray(Data, 4096));

        _tables[_tables.EntryAt(0, 4)] &= ~Write; // rights are those of all entries on the way
        NestedHwpt other = Attach();
        Done(0x4000, DmatestEngine.ToDevice);
        Refused(0x4000, 0, DmatestEngine.NoPermission);
        _tables[0] |= 1ul << 7; // reserved in level 4
        other.InvalidateAll();
        Refused(0x4000, DmatestEngine.ToDevice, BadTable);
    }

    [Fact]
    public void A_change_is_in_force_when_its_invalidation_returned()
    {
        ulong leaf = _tables.Map(0x40_0000, Data);
        _memory.Write(Data, 1);
        _memory.Write(Data + Page, 2);
        NestedHwpt nested = Attach();
        Assert.Equal(1, Fetched(0x40_0000));
        _tables[leaf] = (Data + Page) | All;
        nested.Invalidate(At(0x40_0000), 1, leafOnly: true);
        Assert.Equal(2, Fetched(0x40_0000));

        _tables[_tables.EntryAt(0x40_0000, 4)] = 0;
        nested.Invalidate(At(0x40_0000), 1);
        Refused(0x40_0000, DmatestEngine.ToDevice, DmatestEngine.NotMapped);
    }

    [Fact]
    public void When_an_invalidation_returns_a_DMA_under_way_writes_no_more_where_it_led()
    {
        ulong leaf = _tables.Map(0x1000, Data);
        NestedHwpt nested = Attach();
        _engine.Pause(2000);
        _engine.Buffer = [.. Enumerable.Repeat((byte)0xee, 4096)];
        _engine.Begin(At(0x1000), 4096, 0);
        Until(() => _memory.Read<byte>(Data + 64) == 0xee, "a DMA is under way");
        _tables[leaf] = 0;
        nested.Invalidate(At(0x1000), 1, leafOnly: true);
        byte[] then = _memory.ToArray(Data, 4096);
        _engine.Wait();
        Assert.Equal((DmatestEngine.Fault, DmatestEngine.NotMapped), (_engine.Status, _engine.Reason));
        Assert.Equal(then, _memory.ToArray(Data, 4096));
        Assert.Contains((byte)0, then);
    }

    [Fact]
    public void What_is_unmapped_below_a_first_stage_is_out_of_reach_at_once()
    {
        UserMemory page = Pages(1);
        _ioas.Map(page, at: At(GuestLength));
        _tables.Map(0x1000, GuestLength);
        Attach();
        Done(0x1000, 0);
        _ioas.Unmap(At(GuestLength), Page);
        Refused(0x1000, 0, DmatestEngine.NotMapped);
        _ioas.Map(page, at: At(GuestLength));
        Done(0x1000, 0);
    }

    [Fact]
    public void A_nest_parent_is_attached_like_any_HWPT_and_a_device_moves_between_both()
    {
        _tables.Map(0x1000, Data);
        _memory.Write(Data, 7);
        _memory.Write(Data + 0x1000, 8);
        _device.Attach(_parent);
        Assert.Equal(8, Fetched(Data + 0x1000));
        NestedHwpt nested = Attach();
        Assert.Equal(7, Fetched(0x1000));
        Refused(Data + 0x1000, DmatestEngine.ToDevice, DmatestEngine.NotMapped);
        _device.Attach(_parent);
        Fails(Errno.EBUSY, () => _parent.Destroy());
        nested.Destroy();
        _device.Detach();
        _parent.Destroy();
    }

    [Fact]
    public void Five_levels_reach_addresses_that_four_do_not()
    {
        Assert.SkipUnless(Nesting.Has(_context, _device, 60), "The unit has no first stage of 5 levels.");
        const ulong far = 0x0055_0000_0000_0000;
        var five = new GuestTables(_memory, levels: 5);
        five.Map(far, Data);
        _memory.Write(Data, 5);
        _device.Attach(_context.AllocateNestedHwpt(_device, _parent, new IommuHwptVtdS1 { AddrWidth = 57 }));
        Assert.Equal(5, Fetched(far));
        Refused(1ul << 56, DmatestEngine.ToDevice, DmatestEngine.BeyondWidth);
        _device.Attach(_context.AllocateNestedHwpt(_device, _parent, new IommuHwptVtdS1 { AddrWidth = 48 }));
        Refused(far, DmatestEngine.ToDevice, DmatestEngine.BeyondWidth);
    }

    private const uint BadTable = 7;

    private NestedHwpt Attach()
    {
        NestedHwpt nested = _context.AllocateNestedHwpt(_device, _parent, new IommuHwptVtdS1 { AddrWidth = 48 });
        _device.Attach(nested);
        return nested;
    }

    private int Fetched(ulong iova)
    {
        Done(iova, DmatestEngine.ToDevice);
        return BitConverter.ToInt32(_engine.Buffer);
    }

    private void Done(ulong iova, uint direction) =>
        Assert.Equal((DmatestEngine.Done, 0u), (_engine.Run(At(iova), 4096, direction), _engine.Reason));

    private void Refused(ulong iova, uint direction, uint reason) =>
        Assert.Equal((DmatestEngine.Fault, reason), (_engine.Run(At(iova), 64, direction), _engine.Reason));
}

/// <summary>What a unit reports of nested translation (VT-d specification, 11.4.2 and 11.4.3).</summary>
internal static class Nesting
{
    internal static bool IsOf(IommuContext context, IBoundDevice device) =>
        context.DescribeHardware(device).Vtd is { } registers && (registers.EcapReg >> 26 & 1) != 0;

    /// <summary>Whether a bit of the capability register is set.</summary>
    internal static bool Has(IommuContext context, VfioDevice device, int bit) =>
        (context.DescribeHardware(device).Vtd!.Value.CapReg >> bit & 1) != 0;
}
