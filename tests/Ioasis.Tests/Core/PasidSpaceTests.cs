using Ioasis.Core;
using Ioasis.Core.Pasids;
using Ioasis.Memory;

namespace Ioasis.Tests.Core;

public sealed class PasidSpaceTests
{
    private readonly PasidSpace _space = new();

    [Fact]
    public void TheLowestFreeOfARangeIsGivenAndZeroNever()
    {
        var owner = new PasidOwner();
        Assert.Equal(1u, Allocate(owner, 0, Pasid.MaxValue));
        Assert.Equal(2u, Allocate(owner, 0, Pasid.MaxValue));
        Assert.Equal(63u, Allocate(owner, 63, 64));
        Assert.Equal(64u, Allocate(owner, 63, 64));
        Assert.Equal(IommuStatus.NoSpace, _space.Allocate(owner, 63, 64, out _));
        Assert.Equal(IommuStatus.NoSpace, _space.Allocate(owner, 0, 0, out _));
        Assert.Equal(Pasid.MaxValue, Allocate(owner, Pasid.MaxValue, Pasid.MaxValue));
        Assert.Equal(IommuStatus.Invalid, _space.Allocate(owner, 2, 1, out _));
        Assert.Equal(IommuStatus.Invalid, _space.Allocate(owner, 0, Pasid.MaxValue + 1, out _));
    }

    [Fact]
    public void AQuotaCountsPerOwnerAndComesBackWithWhatIsFreed()
    {
        var small = new PasidOwner { Quota = 2 };
        Pasid first = new(Allocate(small, 1, 100)), second = new(Allocate(small, 1, 100));
        Assert.Equal(IommuStatus.NoMemory, _space.Allocate(small, 1, 100, out _));
        Allocate(new PasidOwner(), 1, 100);
        Assert.Equal(IommuStatus.Ok, _space.Free(small, first));
        Assert.Equal(first.Value, Allocate(small, 1, 100));
        Assert.Equal(IommuStatus.NoMemory, _space.Allocate(small, 1, 100, out _));
        Assert.Equal(IommuStatus.NotFound, _space.Free(new PasidOwner(), second));
        Assert.True(_space.IsOwned(small, second));
    }

    [Fact]
    public void APasidIsNotGivenAgainWhileADeviceHoldsIt()
    {
        var owner = new PasidOwner();
        Pasid pasid = new(Allocate(owner, 7, 7));
        Assert.Equal(IommuStatus.Ok, _space.Hold(pasid));
        Assert.Equal(IommuStatus.Ok, _space.Hold(pasid));
        Assert.Equal(IommuStatus.Ok, _space.Free(owner, pasid));
        Assert.Equal(0, owner.Count);
        Assert.Equal(IommuStatus.NotFound, _space.Hold(pasid)); // nobody's any more
        _space.Release(pasid);
        Assert.Equal(IommuStatus.NoSpace, _space.Allocate(owner, 7, 7, out _));
        _space.Release(pasid);
        Assert.Equal(7u, Allocate(owner, 7, 7));
    }

    [Fact]
    public void RandomOwnersAndDevicesAgreeWithAModel()
    {
        var random = new Random(5);
        PasidOwner[] owners = [.. Enumerable.Range(0, 3).Select(_ => new PasidOwner { Quota = 40 })];
        var model = new SortedDictionary<uint, (int Owner, int Holds)>(); // owner -1: freed, and held
        for (int i = 0; i < 20_000; i++)
        {
            uint value = (uint)random.Next(1, 150);
            int who = random.Next(owners.Length);
            bool known = model.TryGetValue(value, out (int Owner, int Holds) at);
            switch (random.Next(4))
            {
                case 0:
                    uint last = value + (uint)random.Next(20);
                    uint? free = Enumerable.Range((int)value, (int)(last - value) + 1)
                        .Select(v => (uint?)v).FirstOrDefault(v => !model.ContainsKey(v!.Value));
                    bool full = model.Values.Count(m => m.Owner == who) >= 40;
                    IommuStatus status = _space.Allocate(owners[who], value, last, out Pasid got);
                    Assert.Equal(full ? IommuStatus.NoMemory : free is null
                        ? IommuStatus.NoSpace
                        : IommuStatus.Ok, status);
                    if (status == IommuStatus.Ok) model.Add(got.Value, (who, 0));
                    if (status == IommuStatus.Ok) Assert.Equal(free, got.Value);
                    break;
                case 1:
                    bool owned = known && at.Owner == who;
                    Assert.Equal(owned ? IommuStatus.Ok : IommuStatus.NotFound,
                        _space.Free(owners[who], new Pasid(value)));
                    if (owned) Set(value, (-1, at.Holds));
                    break;
                case 2:
                    bool held = known && at.Owner >= 0;
                    Assert.Equal(held ? IommuStatus.Ok : IommuStatus.NotFound, _space.Hold(new Pasid(value)));
                    if (held) Set(value, (at.Owner, at.Holds + 1));
                    break;
                default:
                    if (!known || at.Holds == 0) break;
                    _space.Release(new Pasid(value));
                    Set(value, (at.Owner, at.Holds - 1));
                    break;
            }

            Assert.Equal(model.Count, _space.Count);
        }

        void Set(uint value, (int Owner, int Holds) now)
        {
            if (now is { Owner: < 0, Holds: 0 }) model.Remove(value);
            else model[value] = now;
        }
    }

    private uint Allocate(PasidOwner owner, uint first, uint last)
    {
        Assert.Equal(IommuStatus.Ok, _space.Allocate(owner, first, last, out Pasid pasid));
        return pasid.Value;
    }
}
