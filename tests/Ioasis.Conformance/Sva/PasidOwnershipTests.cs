using Ioasis.Abi;
using Ioasis.Client;
using Ioasis.Conformance.Dma;
using Ioasis.Memory;
using static Ioasis.Abi.SvaH;

namespace Ioasis.Conformance.Sva;

/// <summary>Who has a PASID, how many, and until when.</summary>
public class PasidOwnershipTests : SvaTest
{
    public PasidOwnershipTests()
    {
    }

    private protected PasidOwnershipTests(bool onMdev) : base(onMdev)
    {
    }

    [Fact]
    public void The_lowest_free_one_of_a_range_is_given()
    {
        Pasid first = Sva.AllocatePasid(500, 502), second = Sva.AllocatePasid(500, 502),
            third = Sva.AllocatePasid(500, 502);
        Assert.Equal([500u, 501u, 502u], (uint[])[first.Value, second.Value, third.Value]);
        Fails(Errno.ENOSPC, () => Sva.AllocatePasid(500, 502));
        Sva.FreePasid(second);
        Assert.Equal(501u, Sva.AllocatePasid(500, 502).Value);
        Assert.NotEqual(0u, Sva.AllocatePasid(0).Value);
        Assert.Equal(4, Sva.CountPasids());
    }

    [Fact]
    public void All_files_have_one_space()
    {
        using SvaContext other = SvaContext.Open(Nodes);
        Pasid mine = Sva.AllocatePasid(700, 700);
        Fails(Errno.ENOSPC, () => other.AllocatePasid(700, 700));
        Fails(Errno.ENOENT, () => other.FreePasid(mine));
        Fails(Errno.ENOENT, () => other.BindProcess(mine));
        Fails(Errno.ENOENT, () => other.Unbind(mine));
        Fails(Errno.ENOENT, () => Device.Attach(other, mine));
        Sva.FreePasid(mine);
        Assert.Equal(mine, other.AllocatePasid(700, 700));
    }

    [Fact]
    public void A_close_gives_all_back()
    {
        SvaContext other = SvaContext.Open(Nodes);
        for (int i = 0; i < 3; i++) other.AllocatePasid(800, 802);
        other.Dispose();
        for (uint i = 0; i < 3; i++) Assert.Equal(800 + i, Sva.AllocatePasid(800, 802).Value);
    }

    [Fact]
    public void A_quota_is_reached_and_reached_again()
    {
        Assert.Equal(1000, Sva.GetQuota());
        Sva.SetQuota(2);
        Pasid first = Sva.AllocatePasid();
        Sva.BindProcess();
        Fails(Errno.ENOMEM, () => Sva.AllocatePasid());
        Sva.FreePasid(first);
        Pasid again = Sva.AllocatePasid();
        Fails(Errno.ENOMEM, () => Sva.AllocatePasid());
        Sva.SetQuota(1); // what it has it keeps
        Sva.FreePasid(again);
        Fails(Errno.ENOMEM, () => Sva.AllocatePasid());
        Sva.SetQuota(3);
        Sva.AllocatePasid();
    }

    [Fact]
    public void A_PASID_that_a_device_still_sends_is_nobodys_to_have()
    {
        using UserMemory memory = Pages(1);
        Pasid pasid = Sva.AllocatePasid(900, 900);
        Sva.BindProcess(pasid);
        Device.Attach(Sva, pasid);
        Reaches(pasid, memory.Address.Value, memory, 0, 1);
        Sva.FreePasid(pasid);
        Refused(pasid, memory.Address.Value, DmatestEngine.NotAttached);
        Fails(Errno.ENOSPC, () => Sva.AllocatePasid(900, 900));
        Device.Detach(pasid);
        Assert.Equal(pasid, Sva.AllocatePasid(900, 900));
    }

    [Fact]
    public void A_close_takes_the_page_table_from_the_devices()
    {
        using UserMemory memory = Pages(1);
        SvaContext other = SvaContext.Open(Nodes);
        Pasid pasid = other.BindProcess();
        Device.Attach(other, pasid);
        Reaches(pasid, memory.Address.Value, memory, 0, 1);
        other.Dispose();
        Assert.Equal(0, Sva.CountPasids()); // under run, a close has taken effect by the next call
        Refused(pasid, memory.Address.Value, DmatestEngine.NotAttached);
        Device.Detach(pasid);
    }

    [Fact]
    public void What_the_user_names_without_allocating_still_works()
    {
        using UserMemory memory = Pages(1);
        Ioas ioas = Context.AllocateIoas();
        ioas.Map(memory, at: new Iova(0x1000));
        Hwpt hwpt = Context.AllocateHwpt(Device, ioas, HwptOptions.Pasid);
        Device.Attach(hwpt, new Pasid(77));
        Reaches(new Pasid(77), 0x1000, memory, 0, 1);
        Pasid same = Sva.AllocatePasid(77, 77); // the device's own business
        Fails(Errno.EBUSY, () => Device.Attach(Sva, same));
        Device.Detach(same);
        Device.Attach(Sva, same);
        Fails(Errno.EBUSY, () => Device.Attach(hwpt, same));
        Device.Detach(same);
    }

    [Fact]
    public void Wrong_structures_are_refused()
    {
        var alloc = new IoasisSvaAllocPasid { Size = Size<IoasisSvaAllocPasid>(), Flags = 1, First = 1, Last = 9 };
        Fails(Errno.EOPNOTSUPP, Sva.TryIoctl(IOASIS_SVA_ALLOC_PASID, ref alloc));
        Fails(Errno.EINVAL, () => Sva.AllocatePasid(9, 8));
        Fails(Errno.EINVAL, () => Sva.AllocatePasid(1, 1 << 20));
        Fails(Errno.ENOSPC, () => Sva.AllocatePasid(0, 0));
        var quota = new IoasisSvaQuota { Size = Size<IoasisSvaQuota>(), Op = 2 };
        Fails(Errno.EOPNOTSUPP, Sva.TryIoctl(IOASIS_SVA_QUOTA, ref quota));
        Fails(Errno.EINVAL, () => Sva.SetQuota(1 << 20));
        Fails(Errno.EFAULT, Sva.Handle.Ioctl(IOASIS_SVA_ALLOC_PASID, Nowhere));
        foreach (uint command in (uint[])[IOASIS_SVA_ALLOC_PASID, IOASIS_SVA_FREE_PASID, IOASIS_SVA_BIND_PROCESS,
            IOASIS_SVA_BIND_TABLE, IOASIS_SVA_UNBIND, IOASIS_SVA_INVALIDATE, IOASIS_SVA_QUOTA])
        {
            ulong small = 4;
            Fails(Errno.EINVAL, Sva.TryIoctl(command, ref small));
            var large = new byte[128];
            large[0] = 128;
            large[127] = 1;
            Fails(Errno.E2BIG, Sva.TryIoctl(command, large));
        }

        Fails(Errno.ENOTTY, Sva.Handle.Ioctl(IommufdH.IOMMU_IOAS_ALLOC, Nowhere));
        Fails(Errno.ENOTTY, Sva.Handle.Ioctl(IOASIS_VFIO_ATTACH_SVA, Nowhere));
        Assert.Equal(0, Sva.CountPasids());
    }

    [Fact]
    public void Only_an_open_sva_can_be_handed_to_a_device()
    {
        var attach = new IoasisVfioAttachSva { Argsz = Size<IoasisVfioAttachSva>(), Sva = -1, Pasid = 1 };
        Fails(Errno.EBADF, Device.TryIoctl(IOASIS_VFIO_ATTACH_SVA, ref attach));
        attach.Sva = Context.Handle.Descriptor;
        Fails(Errno.EBADFD, Device.TryIoctl(IOASIS_VFIO_ATTACH_SVA, ref attach));
        attach.Flags = 1;
        Fails(Errno.EINVAL, Device.TryIoctl(IOASIS_VFIO_ATTACH_SVA, ref attach));
        attach = new IoasisVfioAttachSva { Argsz = 12, Sva = Sva.Handle.Descriptor };
        Fails(Errno.EINVAL, Device.TryIoctl(IOASIS_VFIO_ATTACH_SVA, ref attach));
        VfioDevice edu = OpenBound(EduNode, Context);
        Fails(Errno.EOPNOTSUPP, () => edu.Attach(Sva, Sva.AllocatePasid())); // it knows no PASIDs
    }
}
