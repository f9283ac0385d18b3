using Ioasis.Abi;
using Ioasis.Client;
using Ioasis.Conformance.Dma;
using Ioasis.Core.PageRequests;
using Ioasis.Memory;
using static Ioasis.Abi.IommufdH;

namespace Ioasis.Conformance.Sva;

/// <summary>A PASID's page table, of each kind, and what the devices that send it then reach.</summary>
public class SvaBindTests : SvaTest
{
    private const ulong GuestLength = 64 * Page;

    public SvaBindTests()
    {
    }

    private protected SvaBindTests(bool onMdev) : base(onMdev)
    {
    }

    [Fact]
    public void The_process_itself()
    {
        using UserMemory memory = Pages(2);
        Pasid pasid = Sva.BindProcess();
        Device.Attach(Sva, pasid);
        Reaches(pasid, memory.Address.Value + 4000, memory, 4000, 1);
        Refused(pasid, Nowhere, DmatestEngine.NotMapped);
        Sva.Unbind(pasid);
        Assert.Equal(0, Sva.CountPasids());
        Refused(pasid, memory.Address.Value, DmatestEngine.NotAttached);
        Device.Detach(pasid);
    }

    [Fact]
    public void A_process_has_one_PASID_however_often_it_is_bound()
    {
        using UserMemory memory = Pages(1);
        Pasid pasid = Sva.BindProcess(), other = Sva.AllocatePasid();
        Assert.Equal((pasid, pasid), (Sva.BindProcess(), Sva.BindProcess(pasid)));
        Fails(Errno.EEXIST, () => Sva.BindProcess(other));
        Device.Attach(Sva, pasid);
        for (byte left = 3; left > 0; left--)
        {
            Reaches(pasid, memory.Address.Value, memory, 0, left);
            Sva.Unbind(pasid);
        }

        Refused(pasid, memory.Address.Value, DmatestEngine.NotAttached);
        Fails(Errno.ENOENT, () => Sva.Unbind(pasid)); // it went with the binding
        Device.Detach(pasid);
        Assert.Equal(other, Sva.BindProcess(other));
        Sva.Unbind(other);
        Assert.Equal(1, Sva.CountPasids()); // this one was allocated
        using SvaContext second = SvaContext.Open(Nodes);
        Assert.NotEqual(Sva.BindProcess(other), second.BindProcess()); // another owner, another PASID
    }

    [Fact]
    public void No_supervisor_is_bound()
    {
        var bind = new IoasisSvaBindProcess { Size = Size<IoasisSvaBindProcess>(), Flags = 1 };
        Fails(Errno.EOPNOTSUPP, Sva.TryIoctl(SvaH.IOASIS_SVA_BIND_PROCESS, ref bind));
        Assert.Equal(0, Sva.CountPasids());
    }

    [Fact]
    public void An_IOAS()
    {
        using UserMemory memory = Pages(2);
        Ioas ioas = Context.AllocateIoas();
        Pasid pasid = Sva.AllocatePasid();
        Sva.Bind(pasid, ioas);
        Device.Attach(Sva, pasid);
        Refused(pasid, 0x10000, DmatestEngine.NotMapped);
        ioas.Map(memory, at: new Iova(0x10000));
        Reaches(pasid, 0x10000, memory, 0, 1);
        Fails(Errno.EBUSY, () => ioas.Destroy());
        ioas.Unmap(new Iova(0x10000), 2 * Page);
        Refused(pasid, 0x10000, DmatestEngine.NotMapped);
        Device.Detach(pasid);
        Fails(Errno.EBUSY, () => ioas.Destroy());
        Sva.Unbind(pasid);
        ioas.Destroy();
    }

    [Fact]
    public void A_HWPT()
    {
        using UserMemory memory = Pages(1);
        Ioas ioas = Context.AllocateIoas();
        ioas.Map(memory, at: new Iova(0x10000));
        Hwpt plain = Context.AllocateHwpt(Device, ioas),
            hwpt = Context.AllocateHwpt(Device, ioas, HwptOptions.Pasid);
        Pasid pasid = Sva.AllocatePasid();
        Fails(Errno.EINVAL, () => Sva.Bind(pasid, plain));
        Sva.Bind(pasid, hwpt);
        Device.Attach(Sva, pasid);
        Reaches(pasid, 0x10000, memory, 0, 1);
        Fails(Errno.EBUSY, () => hwpt.Destroy());
        Fails(Errno.EINVAL, () => Sva.Invalidate(pasid, Iova.Zero, null)); // no first stage
        Sva.FreePasid(pasid);
        hwpt.Destroy();
        Device.Detach(pasid);
    }

    [Fact]
    public void A_guests_table()
    {
        (Hwpt parent, UserMemory guest) = MakeGuest();
        var tables = new GuestTables(guest);
        ulong leaf = tables.Map(0x5000, 32 * Page);
        Pasid pasid = Sva.AllocatePasid();
        Sva.Bind(pasid, parent, new IommuHwptVtdS1 { AddrWidth = 47 });
        Fails(Errno.EINVAL, () => Device.Attach(Sva, pasid)); // found only here, as on Linux
        Sva.Unbind(pasid);
        Sva.Bind(pasid, parent, new IommuHwptVtdS1 { AddrWidth = 48 });
        Device.Attach(Sva, pasid);
        Reaches(pasid, 0x5000, guest, 32 * Page, 1);
        tables[leaf] = (33 * Page) | GuestTables.All;
        Reaches(pasid, 0x5000, guest, 32 * Page, 2); // kept until it is invalidated
        Sva.Invalidate(pasid, new Iova(0x5000), 1, leafOnly: true);
        Reaches(pasid, 0x5000, guest, 33 * Page, 3);
        Fails(Errno.EINVAL, () => Sva.Invalidate(pasid, new Iova(0x5001), 1));
        Fails(Errno.EBUSY, () => parent.Destroy());
        Sva.Unbind(pasid);
        Refused(pasid, 0x5000, DmatestEngine.NotAttached);
        parent.Destroy();
        Device.Detach(pasid);
    }

    [Fact]
    public void A_first_stage_that_was_made_as_a_HWPT()
    {
        (Hwpt parent, UserMemory guest) = MakeGuest();
        new GuestTables(guest).Map(0x5000, 32 * Page);
        NestedHwpt nested = Context.AllocateNestedHwpt(Device, parent, new IommuHwptVtdS1 { AddrWidth = 48 },
            HwptOptions.Pasid);
        Pasid pasid = Sva.AllocatePasid();
        Sva.Bind(pasid, nested);
        Device.Attach(Sva, pasid);
        Reaches(pasid, 0x5000, guest, 32 * Page, 1);
        Sva.Invalidate(pasid, Iova.Zero, null);
        Reaches(pasid, 0x5000, guest, 32 * Page, 2);
    }

    [Fact]
    public void A_PASID_gets_another_page_table_under_its_devices()
    {
        using UserMemory memory = Pages(1), other = Pages(1);
        Ioas ioas = Context.AllocateIoas();
        ioas.Map(other, at: new Iova(0x10000));
        Pasid pasid = Sva.AllocatePasid();
        Device.Attach(Sva, pasid); // before it has any
        Refused(pasid, memory.Address.Value, DmatestEngine.NotAttached);
        Sva.BindProcess(pasid);
        Fails(Errno.EBUSY, () => Sva.Bind(pasid, ioas));
        Reaches(pasid, memory.Address.Value, memory, 0, 1);
        Sva.Unbind(pasid);
        Sva.Bind(pasid, ioas);
        Fails(Errno.EBUSY, () => Sva.BindProcess(pasid));
        Refused(pasid, memory.Address.Value, DmatestEngine.NotMapped);
        Reaches(pasid, 0x10000, other, 0, 2);
        Device.Detach(pasid);
    }

    [Fact]
    public void Objects_of_a_context_that_is_closed_serve_on()
    {
        using UserMemory memory = Pages(1);
        IommuContext second = IommuContext.Open(Nodes);
        Ioas ioas = second.AllocateIoas();
        ioas.Map(memory, at: new Iova(0x10000));
        Pasid pasid = Sva.AllocatePasid();
        Sva.Bind(pasid, ioas); // the device is of another context
        Device.Attach(Sva, pasid);
        second.Dispose();
        Reaches(pasid, 0x10000, memory, 0, 1);
        Sva.FreePasid(pasid);
        Refused(pasid, 0x10000, DmatestEngine.NotAttached);
        Device.Detach(pasid);
    }

    [Fact]
    public void Its_page_requests_come_to_its_queue()
    {
        (Hwpt parent, UserMemory guest) = MakeGuest();
        var tables = new GuestTables(guest);
        using FaultQueue faults = Sva.AllocateFaultQueue();
        Pasid pasid = Sva.AllocatePasid();
        Sva.Bind(pasid, parent, new IommuHwptVtdS1 { AddrWidth = 48 }, faults);
        Asks(pasid, faults, () => tables.Map(0x7000, 40 * Page), 0x7000);
        Assert.Equal(Enumerable.Repeat((byte)9, 64), guest.ToArray(40 * Page, 64));
        Fails(Errno.EBUSY, DestroyInSva(faults.Id));

        using UserMemory memory = Pages(1);
        Ioas ioas = Context.AllocateIoas();
        Sva.Unbind(pasid);
        Device.Detach(pasid);
        Sva.Bind(pasid, ioas, faults);
        Asks(pasid, faults, () => ioas.Map(memory, at: new Iova(0x9000)), 0x9000);
        Assert.Equal(Enumerable.Repeat((byte)9, 64), memory.ToArray(0, 64));
        Sva.FreePasid(pasid);
        Device.Detach(pasid);
    }

    [Fact]
    public void Wrong_tables_are_refused()
    {
        Pasid pasid = Sva.AllocatePasid();
        Ioas ioas = Context.AllocateIoas();
        var bind = new IoasisSvaBindTable
        {
            Size = Size<IoasisSvaBindTable>(),
            Pasid = pasid.Value,
            Iommufd = Context.Handle.Descriptor,
            PtId = ioas.Id
        };
        Fails(Errno.EOPNOTSUPP, Bind(bind with { Flags = 2 }));
        Fails(Errno.EINVAL, Bind(bind with { DataLen = 8 }));
        Fails(Errno.EINVAL, Bind(bind with { DataType = IOMMU_HWPT_DATA_VTD_S1 }));
        Fails(Errno.EBADF, Bind(bind with { Iommufd = -1 }));
        Fails(Errno.EBADFD, Bind(bind with { Iommufd = Sva.Handle.Descriptor }));
        Fails(Errno.ENOENT, Bind(bind with { PtId = NoId }));
        Fails(Errno.ENOENT, Bind(bind with { Pasid = pasid.Value + 1 }));
        Fails(Errno.ENOENT, Bind(bind with { Flags = SvaH.IOASIS_SVA_BIND_FAULT_ID_VALID, FaultId = NoId }));
        Fails(Errno.EINVAL, Bind(bind with { PtId = Device.Id }));
        Fails(Errno.EFAULT, Bind(bind with
        {
            PtId = MakeGuest().Parent.Id,
            DataType = IOMMU_HWPT_DATA_VTD_S1,
            DataLen = Size<IommuHwptVtdS1>(),
            DataUptr = Nowhere
        }));
        // no nest parent
        Fails(Errno.EINVAL, Bind(
                bind with { DataType = IOMMU_HWPT_DATA_VTD_S1, DataLen = Size<IommuHwptVtdS1>(), DataUptr = Nowhere }));
        ioas.Destroy(); // nothing of all this stayed
        Fails(Errno.ENOENT, () => Sva.Unbind(pasid));

        SysResult Bind(IoasisSvaBindTable arguments) => Sva.TryIoctl(SvaH.IOASIS_SVA_BIND_TABLE, ref arguments);
    }

    private SysResult DestroyInSva(uint id)
    {
        var destroy = new IommuDestroy { Size = Size<IommuDestroy>(), Id = id };
        return Sva.TryIoctl(IOMMU_DESTROY, ref destroy);
    }

    /// <summary>
    /// The device needs a page and asks for it; the page is made, the request answered, and the device gets through.
    /// </summary>
    private void Asks(Pasid pasid, FaultQueue faults, Action make, ulong at)
    {
        Device.Attach(Sva, pasid);
        Engine.Pasid = pasid.Value;
        Engine.UsePageRequests = true;
        Engine.Buffer = [.. Enumerable.Repeat((byte)9, 64), .. new byte[4032]];
        Engine.Begin(new Iova(at), 64, 0);
        IommuHwptPgfault request = Assert.Single(faults.Read(Patience)).Raw;
        Assert.Equal((at, pasid.Value, Device.Id), (request.Addr, request.Pasid, request.DevId));
        make();
        faults.Respond(request.Cookie, PageResponse.Success);
        Engine.Wait();
        Assert.Equal((DmatestEngine.Done, 0u), (Engine.Status, Engine.Reason));
        Engine.UsePageRequests = false;
    }

    private (Hwpt Parent, UserMemory Memory) MakeGuest()
    {
        UserFile file = Own(Nodes.CreateFile(GuestLength));
        UserMemory guest = file.Memory;
        Ioas ioas = Context.AllocateIoas();
        ioas.MapFile(file, 0, GuestLength, at: Iova.Zero);
        return (Context.AllocateHwpt(Device, ioas, HwptOptions.NestParent | HwptOptions.Pasid), guest);
    }
}
