// SPDX-License-Identifier: GPL-2.0
/*
 * A driver for dmatest (1234:11e9) that gives the device the address space of the process that opens it, by
 * iommu_sva_bind_device(): what the process passes are its own pointers, and nothing is mapped or pinned for them.
 */
#include <linux/completion.h>
#include <linux/fs.h>
#include <linux/interrupt.h>
#include <linux/io-64-nonatomic-lo-hi.h>
#include <linux/iommu.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/uaccess.h>

#include "iommu.h" /* drivers/iommu/intel */
#include "ioasis_dmatest.h"

#define REG_IOVA	0x00
#define REG_COMMAND	0x08
#define REG_LENGTH	0x10
#define REG_STATUS	0x14
#define REG_REASON	0x18
#define REG_VECTOR	0x1c
#define REG_PASID	0x2c

#define COMMAND_START		BIT(0)
#define COMMAND_TO_DEVICE	BIT(1)
#define PASID_ENABLE		BIT(31)
#define NO_VECTOR		0xffffffff
#define STATUS_DONE		1
#define MAX_LENGTH		4096

static bool coherent_walk;
module_param(coherent_walk, bool, 0444);
MODULE_PARM_DESC(coherent_walk, "Take the IOMMU's walks of page tables for coherent although it does not say so");

struct dmatest {
	struct pci_dev *pdev;
	void __iomem *registers;
	struct miscdevice misc;
	struct mutex busy;		/* one command at a time */
	struct completion ended;
};

/* one for each open file */
struct dmatest_user {
	struct dmatest *test;
	struct iommu_sva *sva;
	struct mm_struct *mm;		/* whose it is, to compare with; not referenced */
};

static irqreturn_t dmatest_ended(int irq, void *data)
{
	struct dmatest *test = data;

	complete(&test->ended);
	return IRQ_HANDLED;
}

/* Returns once the command has ended; the registers tell how. */
static int dmatest_command(struct dmatest *test, u64 address, u32 length, u32 direction)
{
	reinit_completion(&test->ended);
	writeq(address, test->registers + REG_IOVA);
	writel(length, test->registers + REG_LENGTH);
	writel(COMMAND_START | direction, test->registers + REG_COMMAND);
	if (!wait_for_completion_timeout(&test->ended, 60 * HZ))
		return -ETIMEDOUT;
	return 0;
}

static int dmatest_copy(struct dmatest *test, struct ioasis_dmatest_copy *copy)
{
	int ret;

	writel(PASID_ENABLE | copy->pasid, test->registers + REG_PASID);
	writel(0, test->registers + REG_VECTOR);
	ret = dmatest_command(test, copy->from, copy->length, COMMAND_TO_DEVICE);
	if (!ret && readl(test->registers + REG_STATUS) == STATUS_DONE)
		ret = dmatest_command(test, copy->to, copy->length, 0);
	copy->status = readl(test->registers + REG_STATUS);
	copy->reason = readl(test->registers + REG_REASON);
	writel(0, test->registers + REG_PASID);
	return ret;
}

/* Runs a command's copy with the file's PASID. */
static int dmatest_run(struct dmatest_user *user, struct ioasis_dmatest_copy *copy)
{
	struct dmatest *test = user->test;
	int ret;

	if (!copy->length || copy->length > MAX_LENGTH)
		return -EINVAL;
	copy->pasid = iommu_sva_get_pasid(user->sva);
	mutex_lock(&test->busy);
	ret = dmatest_copy(test, copy);
	mutex_unlock(&test->busy);
	return ret;
}

/* The entry of the tables that the device walks; NULL where there is none at that level. */
static u64 *dmatest_entry(struct mm_struct *mm, unsigned long address, u32 level)
{
	pgd_t *pgd = pgd_offset(mm, address);
	p4d_t *p4d;
	pud_t *pud;
	pmd_t *pmd;

	if (pgd_none(*pgd))
		return NULL;
	p4d = p4d_offset(pgd, address);
	if (p4d_none(*p4d))
		return NULL;
	pud = pud_offset(p4d, address);
	if (pud_none(*pud) || pud_leaf(*pud))
		return NULL;
	pmd = pmd_offset(pud, address);
	if (level == 2)
		return (u64 *)pmd;
	if (level != 1 || pmd_none(*pmd) || pmd_leaf(*pmd))
		return NULL;
	return (u64 *)pte_offset_kernel(pmd, address);
}

/* Holds off whoever else would walk the tables: they would find garbage. The process itself waits. */
static int dmatest_run_spoiled(struct dmatest_user *user, struct ioasis_dmatest_spoiled_copy *spoiled)
{
	u64 *entry;
	int ret = -ENOENT;

	if (spoiled->address >= TASK_SIZE)
		return -EINVAL;
	mmap_write_lock(current->mm);
	entry = dmatest_entry(current->mm, spoiled->address, spoiled->level);
	if (entry) {
		spoiled->entry = xchg(entry, spoiled->entry);
		ret = dmatest_run(user, &spoiled->copy);
		WRITE_ONCE(*entry, spoiled->entry);
	}
	mmap_write_unlock(current->mm);
	return ret;
}

static long dmatest_ioctl(struct file *file, unsigned int number, unsigned long argument)
{
	struct dmatest_user *user = file->private_data;
	struct ioasis_dmatest_spoiled_copy call = {};
	size_t size = _IOC_SIZE(number);
	int ret;

	if (number != IOASIS_DMATEST_COPY && number != IOASIS_DMATEST_SPOILED_COPY)
		return -ENOTTY;
	if (current->mm != user->mm)
		return -EPERM;
	if (copy_from_user(&call, (void __user *)argument, size))
		return -EFAULT;
	ret = number == IOASIS_DMATEST_COPY ? dmatest_run(user, &call.copy) : dmatest_run_spoiled(user, &call);
	if (!ret && copy_to_user((void __user *)argument, &call, size))
		ret = -EFAULT;
	return ret;
}

static int dmatest_open(struct inode *inode, struct file *file)
{
	struct dmatest *test = container_of(file->private_data, struct dmatest, misc);
	struct dmatest_user *user = kzalloc(sizeof(*user), GFP_KERNEL);
	int ret;

	if (!user)
		return -ENOMEM;
	user->test = test;
	user->mm = current->mm;
	user->sva = iommu_sva_bind_device(&test->pdev->dev, current->mm);
	if (IS_ERR(user->sva)) {
		ret = PTR_ERR(user->sva);
		kfree(user);
		return ret;
	}
	file->private_data = user;
	return 0;
}

static int dmatest_release(struct inode *inode, struct file *file)
{
	struct dmatest_user *user = file->private_data;

	iommu_sva_unbind_device(user->sva);
	kfree(user);
	return 0;
}

static const struct file_operations dmatest_fops = {
	.owner = THIS_MODULE,
	.open = dmatest_open,
	.release = dmatest_release,
	.unlocked_ioctl = dmatest_ioctl,
};

/*
 * Linux allows SVA only where the IOMMU's walks are coherent with the processors' caches (SMPWC). QEMU's are, as is
 * everything that it emulates, but up to 11.1 its register does not say so, and has no option to.
 */
static void dmatest_assume_coherent_walk(struct pci_dev *pdev)
{
	struct device_domain_info *info = dev_iommu_priv_get(&pdev->dev);

	if (info && info->iommu)
		info->iommu->flags |= VTD_FLAG_SVM_CAPABLE;
}

static int dmatest_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct dmatest *test;
	int ret;

	test = devm_kzalloc(&pdev->dev, sizeof(*test), GFP_KERNEL);
	if (!test)
		return -ENOMEM;
	test->pdev = pdev;
	mutex_init(&test->busy);
	init_completion(&test->ended);

	ret = pcim_enable_device(pdev);
	if (ret)
		return ret;
	test->registers = pcim_iomap_region(pdev, 0, KBUILD_MODNAME);
	if (IS_ERR(test->registers))
		return PTR_ERR(test->registers);
	pci_set_master(pdev);
	ret = pci_alloc_irq_vectors(pdev, 1, 1, PCI_IRQ_MSIX);
	if (ret < 0)
		return ret;
	ret = request_irq(pci_irq_vector(pdev, 0), dmatest_ended, 0, KBUILD_MODNAME, test);
	if (ret)
		goto err_vectors;

	if (coherent_walk)
		dmatest_assume_coherent_walk(pdev);
	test->misc.minor = MISC_DYNAMIC_MINOR;
	test->misc.name = KBUILD_MODNAME;
	test->misc.fops = &dmatest_fops;
	test->misc.parent = &pdev->dev;
	ret = misc_register(&test->misc);
	if (ret)
		goto err_irq;
	pci_set_drvdata(pdev, test);
	return 0;

err_irq:
	free_irq(pci_irq_vector(pdev, 0), test);
err_vectors:
	pci_free_irq_vectors(pdev);
	return ret;
}

static void dmatest_remove(struct pci_dev *pdev)
{
	struct dmatest *test = pci_get_drvdata(pdev);

	misc_deregister(&test->misc);
	writel(NO_VECTOR, test->registers + REG_VECTOR);
	free_irq(pci_irq_vector(pdev, 0), test);
	pci_free_irq_vectors(pdev);
}

static const struct pci_device_id dmatest_ids[] = {
	{ PCI_DEVICE(0x1234, 0x11e9) },
	{ }
};
MODULE_DEVICE_TABLE(pci, dmatest_ids);

static struct pci_driver dmatest_driver = {
	.name = KBUILD_MODNAME,
	.id_table = dmatest_ids,
	.probe = dmatest_probe,
	.remove = dmatest_remove,
};
module_pci_driver(dmatest_driver);

MODULE_DESCRIPTION("dmatest on the pointers of a process");
MODULE_LICENSE("GPL");
