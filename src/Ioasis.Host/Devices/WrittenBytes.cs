using Ioasis.Abi;
using Ioasis.Iommufd.Files;
using Ioasis.Machine.Nodes;
using Ioasis.Memory;
using Ioasis.Memory.Threads;

namespace Ioasis.Host.Devices;

/// <summary>
/// A file of sysfs that programs read and write at any place: an image of its bytes. What a program has written is
/// found by comparing it with the image as it was; when it has taken effect, every image of the file shows the bytes as
/// they are then.
/// </summary>
internal sealed class WrittenBytes(VirtualFile attribute, long count, WrittenBytes.Images images) : ICarrierChoice
{
    private const int PageSize = 4096;

    public string Path => attribute.Path;

    public uint Major => 0;

    public uint Minor => 0;

    public uint Mode => attribute.Mode;

    public Errno TryCreate(string name, out Carrier? carrier) => Carrier.TryCreateFile(name, (ulong)count, out carrier);

    public Errno Open(ICarrier carrier, out NodeFile? file)
    {
        file = new File(carrier.Map(0, PageSize), attribute, count, images);
        return Errno.None;
    }

    /// <summary>The images that are open.</summary>
    internal sealed class Images
    {
        // Held while a file's bytes are read and shown: who shows them last has read them last. Taken before the
        // device's locks.
        private readonly RankedLock _showing = new(LockRank.ShownBytes);

        // Guards the images, what each was, and the changes under way. Innermost.
        private readonly RankedLock _lock = new(LockRank.Images);
        private readonly List<File> _files = [];

        // By file: changes that were taken and have not taken effect.
        private readonly Dictionary<string, int> _underWay = [];

        internal void Add(File file, IVirtualBytes bytes)
        {
            using (_showing.Enter())
            {
                byte[] now = bytes.Read();
                using (_lock.Enter())
                {
                    _files.Add(file);
                    file.Show(now);
                }
            }
        }

        internal void Remove(File file)
        {
            using (_lock.Enter()) _files.Remove(file);
        }

        /// <summary>Takes what a program has written to an image. Each change ends with <see cref="Done"/>.</summary>
        internal List<(int Position, byte[] Bytes)> Take(File file)
        {
            using (_lock.Enter())
            {
                List<(int Position, byte[] Bytes)> changes = _files.Contains(file) ? file.TakeChanges() : [];
                if (changes.Count != 0)
                    _underWay[file.Path] = _underWay.GetValueOrDefault(file.Path) + changes.Count;
                return changes;
            }
        }

        /// <summary>
        /// A change has taken effect. The last one has every image of the file show its bytes as they are now. While a
        /// change is under way, bytes that were read may be those before it. To show them would hide that a program
        /// writes them again, so a change is under way until nobody shows what was read before it.
        /// </summary>
        internal void Done(string path, IVirtualBytes bytes)
        {
            using (_showing.Enter())
            {
                using (_lock.Enter()) _underWay[path]--;
                byte[] now = bytes.Read();
                using (_lock.Enter())
                {
                    if (_underWay[path] != 0) return;
                    _underWay.Remove(path);
                    foreach (File file in _files.Where(file => file.Path == path)) file.Show(now);
                }
            }
        }
    }

    /// <summary>An open one. The images' lock guards it.</summary>
    internal sealed class File : NodeFile, IWrittenFile
    {
        private readonly SharedBytes _image;
        private readonly VirtualFile _attribute;
        private readonly Images _images;
        private readonly byte[] _shown;

        internal File(SharedBytes image, VirtualFile attribute, long count, Images images)
        {
            (_image, _attribute, _images) = (image, attribute, images);
            _shown = new byte[count];
            images.Add(this, attribute.Bytes!);
        }

        internal string Path => _attribute.Path;

        public override SysResult Ioctl(ICaller caller, uint command, ulong argument) => Errno.ENOTTY;

        public void Written()
        {
            IVirtualBytes bytes = _attribute.Bytes!;
            foreach ((int position, byte[] written) in _images.Take(this))
                bytes.Write(position, written, () => _images.Done(Path, bytes));
        }

        public override void Close()
        {
            Written();
            _images.Remove(this);
        }

        /// <summary>Shows the bytes, but for those that a program has written since: these are taken first.</summary>
        internal void Show(byte[] bytes)
        {
            for (int i = 0; i < _shown.Length; i += sizeof(uint))
            {
                uint was = BitConverter.ToUInt32(_shown, i), now = BitConverter.ToUInt32(bytes, i);
                if (was == now && _image.Read<uint>((ulong)i) == was) continue;
                if (_image.TryReplace((ulong)i, was, now)) BitConverter.TryWriteBytes(_shown.AsSpan(i), now);
            }
        }

        /// <summary>Runs of bytes that are others than were shown. They count as shown from here on.</summary>
        internal List<(int Position, byte[] Bytes)> TakeChanges()
        {
            List<(int, byte[])> changes = [];
            for (int i = 0; i < _shown.Length; i++)
            {
                int start = i;
                for (; i < _shown.Length && _image.Read<byte>((ulong)i) is var now && now != _shown[i]; i++)
                    _shown[i] = now;
                if (i > start) changes.Add((start, _shown[start..i]));
            }

            return changes;
        }
    }
}
