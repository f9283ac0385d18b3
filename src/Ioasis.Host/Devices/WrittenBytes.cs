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
        // Guards the list. Innermost.
        private readonly RankedLock _lock = new(LockRank.ImageList);

        // Held while a file's bytes are read and shown: who shows them last has read them last. Taken before the
        // device's locks.
        private readonly RankedLock _showing = new(LockRank.ShownBytes);
        private readonly List<File> _files = [];

        internal void Add(File file)
        {
            using (_lock.Enter()) _files.Add(file);
        }

        internal void Remove(File file)
        {
            using (_lock.Enter()) _files.Remove(file);
        }

        /// <summary>Has every image of a file show its bytes as they are now.</summary>
        internal void Show(string path, IVirtualBytes bytes)
        {
            using (_showing.Enter())
            {
                byte[] now = bytes.Read();
                File[] files;
                using (_lock.Enter()) files = [.. _files.Where(file => file.Path == path)];
                foreach (File file in files) file.Show(now);
            }
        }
    }

    /// <summary>An open one.</summary>
    internal sealed class File : NodeFile, IWrittenFile
    {
        // Guards the image and what it was. Innermost.
        private readonly RankedLock _lock = new(LockRank.Image);
        private readonly SharedBytes _image;
        private readonly VirtualFile _attribute;
        private readonly Images _images;
        private readonly byte[] _shown;
        private int _underWay; // changes that were taken and have not taken effect
        private bool _closed;

        internal File(SharedBytes image, VirtualFile attribute, long count, Images images)
        {
            (_image, _attribute, _images) = (image, attribute, images);
            _shown = new byte[count];
            images.Add(this);
            Show(attribute.Bytes!.Read());
        }

        internal string Path => _attribute.Path;

        public override SysResult Ioctl(ICaller caller, uint command, ulong argument) => Errno.ENOTTY;

        public void Written()
        {
            IVirtualBytes bytes = _attribute.Bytes!;
            foreach ((int position, byte[] written) in TakeChanges())
                bytes.Write(position, written, () => Done(bytes));
        }

        private void Done(IVirtualBytes bytes)
        {
            using (_lock.Enter()) _underWay--;
            _images.Show(_attribute.Path, bytes);
        }

        public override void Close()
        {
            Written();
            _images.Remove(this);
            using (_lock.Enter()) _closed = true;
        }

        /// <summary>
        /// Shows the bytes, but for those that a program has written since: these are taken first. While a change is
        /// under way the bytes may be those before it, and showing them would hide that the program writes them again;
        /// the end of the last change shows them.
        /// </summary>
        internal void Show(byte[] bytes)
        {
            using (_lock.Enter())
            {
                if (_closed || _underWay != 0) return;
                for (int i = 0; i < _shown.Length; i += sizeof(uint))
                {
                    uint was = BitConverter.ToUInt32(_shown, i), now = BitConverter.ToUInt32(bytes, i);
                    if (was == now && _image.Read<uint>((ulong)i) == was) continue;
                    if (_image.TryReplace((ulong)i, was, now)) BitConverter.TryWriteBytes(_shown.AsSpan(i), now);
                }
            }
        }

        // Runs of bytes that are others than were shown. They count as shown from here on.
        private List<(int Position, byte[] Bytes)> TakeChanges()
        {
            List<(int, byte[])> changes = [];
            using (_lock.Enter())
            {
                if (_closed) return changes;
                for (int i = 0; i < _shown.Length; i++)
                {
                    int start = i;
                    for (; i < _shown.Length && _image.Read<byte>((ulong)i) is var now && now != _shown[i]; i++)
                        _shown[i] = now;
                    if (i > start) changes.Add((start, _shown[start..i]));
                }

                _underWay += changes.Count;
            }

            return changes;
        }
    }
}
