using Ioasis.Core.Dma;
using Ioasis.Core.Domains;
using Ioasis.Core.Endpoints;
using Ioasis.Memory;

namespace Ioasis.Tests.Core;

public sealed class DirtyBitmapTests
{
    private const ulong Page = 4096;

    [Theory]
    [InlineData(31)]
    [InlineData(32)]
    public void RandomMarksAreTakenOnceAndAsRunsInOrder(int seed)
    {
        var random = new Random(seed);
        var bitmap = new DirtyBitmap(Page);
        var model = new SortedSet<ulong>();
        for (int step = 0; step < 2_000; step++)
        {
            // Near each other, across words, leaves and chunks.
            ulong first = ((ulong)random.Next(4) << random.Next(6, 26)) + (ulong)random.Next(200);
            ulong pages = 1 + ((ulong)random.Next(300) >> random.Next(9));
            if (random.Next(3) != 0)
            {
                bitmap.Mark((first * Page) + (ulong)random.Next(4096),
                    ((first + pages) * Page) - 1 - (ulong)random.Next(4096));
                for (ulong p = first; p < first + pages; p++) model.Add(p);
                continue;
            }

            bool clear = random.Next(2) == 0;
            ulong last = first + (pages * (ulong)random.Next(1, 1000));
            List<ulong> told = [];
            bitmap.Take(first * Page, (last * Page) + Page - 1, clear, (a, b) =>
            {
                Assert.True(a % Page == 0 && (b + 1) % Page == 0 && a < b);
                for (ulong p = a / Page; p <= b / Page; p++) told.Add(p);
            });
            Assert.Equal(model.GetViewBetween(first, last), told);
            if (clear) model.RemoveWhere(p => p >= first && p <= last);
        }
    }

    [Fact]
    public async Task NoWriteIsLostBetweenReadersThatClear()
    {
        // Each write puts a new number into a page. Whoever takes the bit then reads the page: once all is quiet, the
        // number that was read last must be the number that was written last.
        const int pages = 8;
        var bench = new DmaBench();
        Endpoint endpoint = bench.NewEndpoint();
        PagingDomain domain = bench.NewDomain();
        endpoint.Attach(null, domain);
        (_, HostBlock block) = bench.Map(domain, 0x10_0000, pages * Page, 0);
        domain.SetDirtyTracking(true);
        ulong[] copy = new ulong[pages];
        bool stop = false;
        Task device = Task.Run(
            () =>
            {
                using DmaPort port = endpoint.OpenPort();
                for (ulong i = 1; i < 200_000; i++)
                    Assert.True(port.Write(new Iova(0x10_0000 + (i % pages * Page)), BitConverter.GetBytes(i)).IsOk);
                Volatile.Write(ref stop, true);
            },
            TestContext.Current.CancellationToken);
        while (!Volatile.Read(ref stop)) Copy();
        await device;
        Copy();
        for (ulong p = 0; p < pages; p++) Assert.Equal(block.Read<ulong>(p * Page), copy[p]);

        void Copy() => domain.Dirty!.Take(0x10_0000, 0x10_0000 + (pages * Page) - 1, clear: true, (first, last) =>
        {
            for (ulong at = first; at < last; at += Page)
                copy[(at - 0x10_0000) / Page] = block.Read<ulong>(at - 0x10_0000);
        });
    }

    [Fact]
    public void WritesThroughACachedTranslationAreRecordedFromTheMomentTrackingBegins()
    {
        var bench = new DmaBench();
        Endpoint endpoint = bench.NewEndpoint();
        PagingDomain domain = bench.NewDomain();
        endpoint.Attach(null, domain);
        bench.Map(domain, 0x1000, 0x3000, 0);
        using DmaPort port = endpoint.OpenPort();
        Assert.True(port.Write(new Iova(0x1000), [1]).IsOk);
        domain.SetDirtyTracking(true);
        Assert.Empty(Taken());
        byte[] data = new byte[8];
        for (int round = 0; round < 2; round++)
        {
            // a read makes nothing dirty, and leaves no way to write unseen
            Assert.True(port.Read(new Iova(0x1000), data).IsOk);
            Assert.Empty(Taken());
            Assert.True(port.Write(new Iova(0x1ffc), data).IsOk);
            Assert.Equal([(0x1000ul, 0x2ffful)], Taken());
        }

        domain.SetDirtyTracking(false);
        Assert.True(port.Write(new Iova(0x1000), [1]).IsOk);
        Assert.Null(domain.Dirty);

        List<(ulong, ulong)> Taken()
        {
            List<(ulong, ulong)> runs = [];
            domain.Dirty!.Take(0, ulong.MaxValue, clear: true, (a, b) => runs.Add((a, b)));
            return runs;
        }
    }
}
