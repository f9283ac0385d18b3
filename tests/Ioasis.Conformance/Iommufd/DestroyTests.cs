using Ioasis.Abi;
using Ioasis.Client;

namespace Ioasis.Conformance.Iommufd;

/// <summary>IOMMU_DESTROY and IOMMU_IOAS_ALLOC: the life of objects.</summary>
public sealed class DestroyTests : UapiTest
{
    [Fact]
    public void An_IOAS_has_an_ID_of_its_own_and_the_lowest_that_is_free()
    {
        IommuContext context = OpenContext();
        uint[] ids = [.. Enumerable.Range(0, 4).Select(_ => context.AllocateIoas().Id)];
        Assert.Equal([1u, 2, 3, 4], ids);
        context.Destroy(2);
        Assert.Equal(2u, context.AllocateIoas().Id);
        Assert.Equal(5u, context.AllocateIoas().Id);
    }

    [Fact]
    public void Flags_of_an_allocation_are_EOPNOTSUPP()
    {
        IommuContext context = OpenContext();
        foreach (uint flags in (uint[])[1, 0x80000000])
        {
            var arguments = new IommuIoasAlloc { Size = Size<IommuIoasAlloc>(), Flags = flags };
            Fails(Errno.EOPNOTSUPP, context.TryIoctl(IommufdH.IOMMU_IOAS_ALLOC, ref arguments));
        }

        Assert.Equal(1u, context.AllocateIoas().Id);
    }

    [Fact]
    public void An_ID_that_there_is_not_is_ENOENT()
    {
        IommuContext context = OpenContext();
        uint id = context.AllocateIoas().Id;
        foreach (uint unknown in (uint[])[0, id + 1, NoId, uint.MaxValue])
            Fails(Errno.ENOENT, () => context.Destroy(unknown));
        context.Destroy(id);
        Fails(Errno.ENOENT, () => context.Destroy(id));
    }

    [Fact]
    public void An_IOAS_goes_with_its_mappings()
    {
        IommuContext context = OpenContext();
        Ioas ioas = context.AllocateIoas();
        ioas.Map(Pages(2));
        ioas.Destroy();
        Ioas next = context.AllocateIoas();
        Assert.Equal(ioas.Id, next.Id);
        Assert.Equal(0ul, next.UnmapAll());
    }

    [Fact]
    public void An_IOAS_is_EBUSY_while_a_device_or_a_HWPT_uses_it()
    {
        IommuContext context = OpenContext();
        VfioDevice device = OpenBound(EduNode, context);
        Ioas ioas = context.AllocateIoas();
        ioas.Map(Pages(1), at: At(0x10000));
        uint hwpt = device.Attach(ioas);
        Snapshot before = Snapshot.Of(ioas, 0x10000);
        Fails(Errno.EBUSY, ioas.Destroy);
        Fails(Errno.EBUSY, () => context.Destroy(hwpt));
        Assert.Equal(before, Snapshot.Of(ioas, 0x10000));
        device.Detach();
        ioas.Destroy();

        Ioas second = context.AllocateIoas();
        Hwpt manual = context.AllocateHwpt(device, second);
        Fails(Errno.EBUSY, second.Destroy);
        manual.Destroy();
        second.Destroy();
    }

    [Fact]
    public void A_HWPT_that_an_attach_made_goes_with_the_last_detach()
    {
        IommuContext context = OpenContext();
        VfioDevice device = OpenBound(EduNode, context);
        uint hwpt = device.Attach(context.AllocateIoas());
        device.Detach();
        Fails(Errno.ENOENT, () => context.Destroy(hwpt));
    }

    [Fact]
    public void A_HWPT_that_was_allocated_stays_until_it_is_destroyed_and_is_EBUSY_while_attached()
    {
        IommuContext context = OpenContext();
        VfioDevice device = OpenBound(EduNode, context);
        Hwpt hwpt = context.AllocateHwpt(device, context.AllocateIoas());
        device.Attach(hwpt);
        Fails(Errno.EBUSY, hwpt.Destroy);
        device.Detach();
        device.Attach(hwpt);
        device.Detach();
        hwpt.Destroy();
    }

    [Fact]
    public void A_device_cannot_be_destroyed_while_it_is_bound_and_is_gone_when_its_file_is_closed()
    {
        IommuContext context = OpenContext();
        VfioDevice device = OpenBound(EduNode, context);
        Fails(Errno.EBUSY, () => context.Destroy(device.Id));
        Assert.Equal(1u, device.Id);
        device.Dispose();
        Fails(Errno.ENOENT, () => context.Destroy(device.Id));
    }
}
